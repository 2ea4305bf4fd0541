#include "cli/cli.h"
#include "cli/client.h"
#include "cli/table.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static const char teach[] = "Lists the guest images a VMM can start VMs from.";

static void print_json(const Vmm__ImageListResponse *images) {
  g_autoptr(json_t) list = json_array();
  for (gsize i = 0; i < images->n_images; i++) {
    g_autofree char *text = prpc_message_to_json(&images->images[i]->base);
    json_array_append_new(list, json_parse(text, strlen(text), "image", NULL));
  }
  char *pretty = json_dumps(list, JSON_INDENT(2));
  puts(pretty);
  free(pretty);
}

int cli_images(int argc, char **argv) {
  if (!cli_parse(&argc, &argv, NULL, "", teach))
    return CLI_USAGE;
  if (argc > 1)
    return cli_usage("unexpected argument '%s'", argv[1]);
  GError *error = NULL;
  g_autoptr(PrpcMessage) message = cli_call("ListImages", NULL, &vmm__image_list_response__descriptor, &error);
  if (!message)
    return cli_fail(error);
  const Vmm__ImageListResponse *images = (const Vmm__ImageListResponse *)message;
  if (cli_options.json) {
    print_json(images);
  } else if (images->n_images == 0) {
    puts("No images found");
  } else {
    static const char *const columns[] = {"Name", "Version", NULL};
    g_autoptr(Table) table = table_new(columns);
    for (gsize i = 0; i < images->n_images; i++)
      table_add(table, (const char *const[]){images->images[i]->name, images->images[i]->version});
    g_autofree char *text = table_text(table);
    fputs(text, stdout);
  }
  return CLI_DONE;
}
