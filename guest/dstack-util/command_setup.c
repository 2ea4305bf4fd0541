#include "commands.h"
#include "setup.h"

gboolean command_setup(int argc, char **argv, GError **error) {
  g_autofree char *work_dir = NULL, *device = NULL, *mount_point = NULL;
  GOptionEntry entries[] = {
      {"work-dir", 0, 0, G_OPTION_ARG_FILENAME, &work_dir, "directory for everything about this boot, on tmpfs", "DIR"},
      {"device", 0, 0, G_OPTION_ARG_FILENAME, &device, "block device of the data disk", "DEVICE"},
      {"mount-point", 0, 0, G_OPTION_ARG_FILENAME, &mount_point, "where the data disk is mounted", "DIR"},
      G_OPTION_ENTRY_NULL};
  if (!command_parse(&argc, &argv, entries, NULL,
                     "Prepares the CVM: measures the app, gets its keys, opens the data disk, joins the gateway.",
                     error) ||
      !command_require(work_dir, "work-dir", error) || !command_require(device, "device", error) ||
      !command_require(mount_point, "mount-point", error))
    return FALSE;
  SetupOptions options = {work_dir, device, mount_point};
  return setup_run(&options, error);
}
