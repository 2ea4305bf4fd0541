/* A KMS whose front has a hole (hole.h), and the keys that must never come out of it. */
#pragma once

#include "attacker.h"
#include "key_traces.h"

#define EARLIER_APP 0x51 /* had its keys before the front was taken over */
#define PRESENT_APP 0x52 /* asks meanwhile */
#define ABSENT_APP 0x53  /* never comes */

typedef struct {
  char *programs;     /* a directory with the three of them */
  Kms *kms;           /* runs */
  KeyTraces *secrets; /* root keys and those of ABSENT_APP */
} HoledKms;
/* NULL after having said why the program is skipped. Needs KMS_PROGRAM and KMS_HOLED_PROGRAM, and changes the former. */
HoledKms *holed_kms_new(void);
void holed_kms_free(HoledKms *holed);

/* Whether an honest app gets its keys. */
gboolean holed_kms_serves(HoledKms *holed, guint8 app_byte);
void holed_kms_assert_no_loot(const HoledKms *holed, const Attacker *attacker);
/* No loot, and the KMS works as if nothing had happened. */
void holed_kms_assert_well(HoledKms *holed, const Attacker *attacker);
