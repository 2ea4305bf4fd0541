#include "canonical.h"

#include "fail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 128
#define MAX_SAFE_INTEGER (((json_int_t)1 << 53) - 1) /* the largest that every JSON implementation holds exactly */
#define DOUBLE_DIGITS 17                             /* enough for any double */

static dstack_status print_value(FILE *out, const json_t *value, unsigned depth, dstack_error *error);

static void print_string(FILE *out, const char *text, size_t length) {
  static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  putc('"', out);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    const char *found = c ? strchr(escaped, c) : NULL;
    if (found)
      fprintf(out, "\\%c", letters[found - escaped]);
    else if (c < 0x20)
      fprintf(out, "\\u%04x", c);
    else
      putc(c, out);
  }
  putc('"', out);
}

typedef struct {
  char digits[DOUBLE_DIGITS + 1]; /* the first stands before the decimal point */
  int count, exponent;
} decimal;

/* The shortest decimal that reads back as `number`, which is positive. Whatever the locale has for a point is skipped.
 */
static decimal shortest_decimal(double number) {
  char text[DOUBLE_DIGITS + 16];
  for (int precision = 0; precision < DOUBLE_DIGITS; precision++) {
    snprintf(text, sizeof text, "%.*e", precision, number);
    if (strtod(text, NULL) == number)
      break;
  }
  decimal result = {0};
  const char *at = text;
  for (; *at != 'e'; at++)
    if (*at >= '0' && *at <= '9')
      result.digits[result.count++] = *at;
  result.exponent = atoi(at + 1);
  return result;
}

static void print_zeros(FILE *out, int count) {
  for (; count > 0; count--)
    putc('0', out);
}

static void print_plain(FILE *out, const decimal *number) {
  int whole = number->exponent + 1; /* digits before the point */
  if (whole <= 0) {
    fputs("0.", out);
    print_zeros(out, -whole);
    fputs(number->digits, out);
  } else if (whole >= number->count) {
    fputs(number->digits, out);
    print_zeros(out, whole - number->count);
  } else {
    fprintf(out, "%.*s.%s", whole, number->digits, number->digits + whole);
  }
}

static void print_real(FILE *out, double number) {
  if (!isfinite(number)) {
    fputs("null", out);
    return;
  }
  if (number < 0)
    putc('-', out);
  if (number == 0) {
    putc('0', out);
    return;
  }
  decimal shortest = shortest_decimal(fabs(number));
  if (shortest.exponent >= -6 && shortest.exponent < 21)
    print_plain(out, &shortest);
  else
    fprintf(out, "%c%s%se%+d", shortest.digits[0], shortest.count > 1 ? "." : "", shortest.digits + 1,
            shortest.exponent);
}

static dstack_status print_integer(FILE *out, json_int_t number, dstack_error *error) {
  if (number > MAX_SAFE_INTEGER || number < -MAX_SAFE_INTEGER)
    return fail(error, DSTACK_INVALID, "integer %" JSON_INTEGER_FORMAT " cannot be held exactly", number);
  fprintf(out, "%" JSON_INTEGER_FORMAT, number);
  return DSTACK_OK;
}

/* UTF-8 sorts like the code points it encodes. */
static int compare_keys(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dstack_status print_object(FILE *out, const json_t *object, unsigned depth, dstack_error *error) {
  size_t count = 0;
  const char **keys = malloc((json_object_size(object) + 1) * sizeof *keys), *key;
  json_t *member;
  if (!keys)
    return fail_memory(error);
  json_object_foreach((json_t *)object, key, member) keys[count++] = key;
  qsort(keys, count, sizeof *keys, compare_keys);
  dstack_status status = DSTACK_OK;
  putc('{', out);
  for (size_t i = 0; status == DSTACK_OK && i < count; i++) {
    if (i)
      putc(',', out);
    print_string(out, keys[i], strlen(keys[i]));
    putc(':', out);
    status = print_value(out, json_object_get(object, keys[i]), depth, error);
  }
  putc('}', out);
  free(keys);
  return status;
}

static dstack_status print_array(FILE *out, const json_t *array, unsigned depth, dstack_error *error) {
  dstack_status status = DSTACK_OK;
  putc('[', out);
  for (size_t i = 0; status == DSTACK_OK && i < json_array_size(array); i++) {
    if (i)
      putc(',', out);
    status = print_value(out, json_array_get(array, i), depth, error);
  }
  putc(']', out);
  return status;
}

static dstack_status print_value(FILE *out, const json_t *value, unsigned depth, dstack_error *error) {
  if (depth == 0)
    return fail(error, DSTACK_INVALID, "nested deeper than %d levels", MAX_DEPTH);
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    return print_object(out, value, depth - 1, error);
  case JSON_ARRAY:
    return print_array(out, value, depth - 1, error);
  case JSON_STRING:
    print_string(out, json_string_value(value), json_string_length(value));
    return DSTACK_OK;
  case JSON_INTEGER:
    return print_integer(out, json_integer_value(value), error);
  case JSON_REAL:
    print_real(out, json_real_value(value));
    return DSTACK_OK;
  default:
    fputs(json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false", out);
    return DSTACK_OK;
  }
}

dstack_status canonical_print(const json_t *value, char **text, dstack_error *error) {
  char *printed = NULL;
  size_t size;
  FILE *out = open_memstream(&printed, &size);
  if (!out)
    return fail_memory(error);
  dstack_status status = print_value(out, value, MAX_DEPTH, error);
  if (fclose(out) != 0 && status == DSTACK_OK)
    status = fail_memory(error);
  if (status == DSTACK_OK)
    *text = printed;
  else
    free(printed);
  return status;
}
