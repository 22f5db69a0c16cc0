/* buf.c - text that grows up to its bound, and JSON in it. */
#include "common/core/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/utf8.h"

#define BUF_FIRST_BYTES 256 /* most texts are short; beyond, the memory doubles */

void fy_buf_init(struct fy_buf *buf, size_t max_bytes)
{
    FY_ASSERT(max_bytes > 0);
    *buf = (struct fy_buf){.max_bytes = max_bytes};
}

void fy_buf_done(struct fy_buf *buf)
{
    free(buf->bytes);
    *buf = (struct fy_buf){.max_bytes = buf->max_bytes};
}

void fy_buf_clear(struct fy_buf *buf)
{
    buf->size_bytes = 0;
    buf->overflow = false;
    if (buf->bytes != NULL)
        buf->bytes[0] = '\0';
}

/* Makes room for more_bytes and a zero byte. false: over the bound, now or before. */
static bool reserve(struct fy_buf *buf, size_t more_bytes)
{
    if (buf->overflow || more_bytes > buf->max_bytes - buf->size_bytes) {
        buf->overflow = true;
        return false;
    }
    size_t needed = buf->size_bytes + more_bytes + 1;
    if (needed <= buf->capacity_bytes)
        return true;
    size_t capacity = buf->capacity_bytes > 0 ? buf->capacity_bytes : BUF_FIRST_BYTES;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buf->max_bytes + 1)
        capacity = buf->max_bytes + 1;
    buf->bytes = fy_realloc(buf->bytes, capacity);
    buf->capacity_bytes = capacity;
    return true;
}

void fy_buf_add(struct fy_buf *buf, const void *bytes, size_t size_bytes)
{
    if (!reserve(buf, size_bytes))
        return;
    if (size_bytes > 0)
        memcpy(buf->bytes + buf->size_bytes, bytes, size_bytes);
    buf->size_bytes += size_bytes;
    buf->bytes[buf->size_bytes] = '\0';
}

void fy_buf_text(struct fy_buf *buf, const char *text)
{
    fy_buf_add(buf, text, strlen(text));
}

void fy_buf_printf(struct fy_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int printed = vsnprintf(NULL, 0, format, arguments);
    FY_ASSERT(printed >= 0);
    if (reserve(buf, (size_t)printed)) {
        (void)vsnprintf(buf->bytes + buf->size_bytes, (size_t)printed + 1, format, again);
        buf->size_bytes += (size_t)printed;
    }
    va_end(again);
    va_end(arguments);
}

/* The escape of a byte that may not stand in a JSON string as it is, or NULL. */
static const char *json_escape(unsigned char byte, char scratch[static 7])
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (byte >= 0x20)
            return NULL;
        (void)snprintf(scratch, 7, "\\u%04x", byte);
        return scratch;
    }
}

/* How many bytes stand in a JSON string as they are, as far as a look at each alone can tell:
 * nearly all that is ever written. */
static size_t plain_bytes(const char *text, size_t text_bytes)
{
    size_t i = 0;
    while (i < text_bytes && text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

void fy_buf_json_text(struct fy_buf *buf, const char *text)
{
    if (text == NULL) {
        fy_buf_text(buf, "null");
        return;
    }
    fy_buf_text(buf, "\"");
    size_t left = strlen(text);
    const char *plain = text; /* start of what is copied as it is */
    for (;;) {
        char scratch[7];
        size_t ahead = plain_bytes(text, left);
        text += ahead;
        left -= ahead;
        if (left == 0)
            break;
        size_t step = fy_utf8_step(text, left);
        const char *instead =
            step == 0 ? "\xef\xbf\xbd" : json_escape((unsigned char)*text, scratch);
        step += step == 0;
        if (instead != NULL) {
            fy_buf_add(buf, plain, (size_t)(text - plain));
            fy_buf_text(buf, instead);
            plain = text + step;
        }
        text += step;
        left -= step;
    }
    fy_buf_add(buf, plain, (size_t)(text - plain));
    fy_buf_text(buf, "\"");
}

void fy_buf_json_next(struct fy_buf *buf)
{
    bool first = buf->size_bytes == 0 || buf->bytes[buf->size_bytes - 1] == '{' ||
                 buf->bytes[buf->size_bytes - 1] == '[';
    if (!first)
        fy_buf_text(buf, ",");
}

void fy_buf_json_key(struct fy_buf *buf, const char *key)
{
    fy_buf_json_next(buf);
    fy_buf_json_text(buf, key);
    fy_buf_text(buf, ":");
}

void fy_buf_json_str(struct fy_buf *buf, const char *key, const char *value)
{
    fy_buf_json_key(buf, key);
    fy_buf_json_text(buf, value);
}

void fy_buf_json_filled(struct fy_buf *buf, const char *key, const char *value)
{
    fy_buf_json_str(buf, key, value[0] != '\0' ? value : NULL);
}

void fy_buf_json_i64(struct fy_buf *buf, const char *key, int64_t value)
{
    fy_buf_json_key(buf, key);
    fy_buf_printf(buf, "%" PRId64, value);
}

void fy_buf_json_bool(struct fy_buf *buf, const char *key, bool value)
{
    fy_buf_json_key(buf, key);
    fy_buf_text(buf, value ? "true" : "false");
}

void fy_buf_json_instant(struct fy_buf *buf, const char *key, int64_t wall_ms)
{
    char text[FY_INSTANT_BYTES];
    if (wall_ms != 0)
        fy_instant_print(wall_ms, text);
    fy_buf_json_str(buf, key, wall_ms != 0 ? text : NULL);
}

char *fy_buf_take(struct fy_buf *buf, size_t *size_bytes)
{
    char *bytes = buf->bytes != NULL ? buf->bytes : fy_strdup("");
    if (size_bytes != NULL)
        *size_bytes = buf->size_bytes;
    *buf = (struct fy_buf){.max_bytes = buf->max_bytes};
    return bytes;
}
