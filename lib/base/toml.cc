#include "base/toml.h"

#include <cstring>
#include <sstream>
#include <string>
#include <toml++/toml.h>

namespace {

void report_positions(const toml::node &node, const std::string &path, TomlPositionFunc position, void *user_data) {
  if (!path.empty())
    position(path.c_str(), node.source().begin.line, user_data);
  if (const toml::table *table = node.as_table())
    for (auto &&[key, value] : *table) {
      std::string name(key.str());
      report_positions(value, path.empty() ? name : path + "." + name, position, user_data);
    }
}

} // namespace

extern "C" char *toml_to_json(const char *text, TomlPositionFunc position, void *user_data, char **why) {
  try {
    toml::table table = toml::parse(std::string_view(text));
    report_positions(table, "", position, user_data);
    std::ostringstream out;
    out << toml::json_formatter(table);
    return strdup(out.str().c_str());
  } catch (const toml::parse_error &mistake) {
    std::ostringstream reason;
    reason << "line " << mistake.source().begin.line << ": " << mistake.description();
    std::string text_of_reason = reason.str();
    *why = strdup(text_of_reason.c_str());
  } catch (const std::exception &mistake) { /* no C++ exception may cross into C */
    *why = strdup(mistake.what());
  }
  return nullptr;
}
