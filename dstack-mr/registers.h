/* Measurements printed for people and for machines. */
#pragma once

#include "measure/measure.h"

#include "base/json.h"

/* {mrtd, rtmr0, rtmr1, rtmr2}, in this order. New reference. */
json_t *registers_describe(const Measurements *measurements);
/* The events of RTMR0 with the names tools know them by: [{index, label, digest, note}]. New reference. */
json_t *registers_describe_rtmr0(const Measurements *measurements);
/* Pretty JSON and a final newline. Returns the exit status. */
int registers_print_json(const json_t *json);
