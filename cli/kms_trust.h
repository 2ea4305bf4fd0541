/* dstack kms list, add, remove: which KMS root keys this person trusts. */
#pragma once

/* `argv` is what stands after the verb. Returns the exit status. */
int kms_trust(const char *verb, int argc, char **argv);
