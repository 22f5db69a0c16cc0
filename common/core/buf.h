/* buf.h - a growing text buffer with a bound, and JSON text written into it. */
#ifndef FY_CORE_BUF_H
#define FY_CORE_BUF_H

#include "common/core/err.h"

struct fy_buf {
    char *bytes; /* zero-terminated when not NULL */
    size_t size_bytes;
    size_t capacity_bytes;
    size_t max_bytes; /* reaching it sets overflow and drops the rest */
    bool overflow;
};

void fy_buf_init(struct fy_buf *buf, size_t max_bytes);
void fy_buf_done(struct fy_buf *buf);  /* frees; the buffer may be init'ed again */
void fy_buf_clear(struct fy_buf *buf); /* keeps the memory */
void fy_buf_add(struct fy_buf *buf, const void *bytes, size_t size_bytes);
void fy_buf_text(struct fy_buf *buf, const char *text);
void fy_buf_printf(struct fy_buf *buf, const char *format, ...) FY_PRINTF(2, 3);
/* A JSON string with its quotes; invalid UTF-8 bytes become U+FFFD. NULL writes null. */
void fy_buf_json_text(struct fy_buf *buf, const char *text);
/* Before an element of an array: a comma, unless it is the first. */
void fy_buf_json_next(struct fy_buf *buf);
/* "key":"value", "key":number, ... with a comma before it unless it follows '{' or '['. */
void fy_buf_json_key(struct fy_buf *buf, const char *key);
void fy_buf_json_str(struct fy_buf *buf, const char *key, const char *value); /* NULL writes null */
/* The same, and "" writes null as well: a field that nobody filled. */
void fy_buf_json_filled(struct fy_buf *buf, const char *key, const char *value);
void fy_buf_json_i64(struct fy_buf *buf, const char *key, int64_t value);
void fy_buf_json_bool(struct fy_buf *buf, const char *key, bool value);
void fy_buf_json_instant(struct fy_buf *buf, const char *key, int64_t wall_ms); /* 0 writes null */
/* Moves the bytes to the caller (free()); the buffer is empty after. Never NULL. */
FY_MUST_CHECK char *fy_buf_take(struct fy_buf *buf, size_t *size_bytes);

#endif
