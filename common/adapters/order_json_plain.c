/* order_json_plain.c - orders of the plain sort, read without building a tree: a tenth of the
 * time. */
#include <string.h>

#include "common/adapters/order_json_impl.h"

#define SIZE_DIGITS_MAX 18 /* of them any number fits into 63 bits */
#define WORD_BYTES_MAX  80 /* an action, a stamp or an instant; longer ones are not plain */

struct reader {
    const char *at, *end;
    struct fy_order order;
    unsigned seen; /* bit n: the key of that place in the tables */
    bool has_action;
};

/* A text in the input. */
struct piece {
    const char *bytes;
    size_t size_bytes;
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
}

/* Spaces, then the byte. */
static bool take(struct reader *reader, char wanted)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static bool stands_for_itself(char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static bool take_text(struct reader *reader, struct piece *text)
{
    if (!take(reader, '"'))
        return false;
    text->bytes = reader->at;
    while (reader->at < reader->end && stands_for_itself(*reader->at))
        reader->at++;
    text->size_bytes = (size_t)(reader->at - text->bytes);
    if (reader->at == reader->end || *reader->at != '"')
        return false;
    reader->at++;
    return true;
}

/* null, true or false: what follows must be ',' or '}'. */
static bool take_literal(struct reader *reader, const char *literal)
{
    size_t size_bytes = strlen(literal);
    skip_space(reader);
    if ((size_t)(reader->end - reader->at) < size_bytes ||
        memcmp(reader->at, literal, size_bytes) != 0)
        return false;
    reader->at += size_bytes;
    return true;
}

/* ------------------------------------------------------------------ values */

static bool read_text(struct reader *reader, const struct fy_order_text_key *key)
{
    struct piece text;
    if (!take_text(reader, &text) || text.size_bytes >= key->field_bytes)
        return false;
    char *field = (char *)&reader->order + key->offset;
    memcpy(field, text.bytes, text.size_bytes); /* behind it all is zero */
    return true;
}

static bool take_word(struct reader *reader, char word[static WORD_BYTES_MAX + 1])
{
    struct piece text;
    if (!take_text(reader, &text) || text.size_bytes > WORD_BYTES_MAX)
        return false;
    memcpy(word, text.bytes, text.size_bytes);
    word[text.size_bytes] = '\0';
    return true;
}

static bool read_action(struct reader *reader)
{
    char word[WORD_BYTES_MAX + 1];
    reader->has_action = take_word(reader, word) && fy_action_parse(word, &reader->order.action);
    return reader->has_action;
}

/* JSON's numbers have no zero before another digit. */
static bool read_size(struct reader *reader)
{
    skip_space(reader);
    const char *start = reader->at;
    int64_t size = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        if (reader->at - start == SIZE_DIGITS_MAX)
            return false;
        size = 10 * size + (*reader->at++ - '0');
    }
    reader->order.size = size;
    return reader->at > start && (*start != '0' || reader->at == start + 1);
}

static bool read_stamp(struct reader *reader)
{
    struct fy_err err;
    char word[WORD_BYTES_MAX + 1];
    return take_word(reader, word) && fy_stamp_parse(word, &reader->order.stamp, &err) == FY_OK;
}

static bool read_ordered_at(struct reader *reader)
{
    char word[WORD_BYTES_MAX + 1];
    return take_word(reader, word) && fy_instant_parse(word, &reader->order.ordered_at_ms) == FY_OK;
}

static bool read_flag(struct reader *reader, bool *flag)
{
    *flag = take_literal(reader, "true");
    return *flag || take_literal(reader, "false");
}

static bool read_given(struct reader *reader)
{
    return read_flag(reader, &reader->order.given);
}

static bool read_overwrites(struct reader *reader)
{
    return read_flag(reader, &reader->order.overwrites);
}

/* ------------------------------------------------------------------ keys */

static const struct other_key {
    const char *key;
    size_t key_bytes;
    bool (*read)(struct reader *reader);
} other_keys[] = {
    {"action", 6, read_action}, {"size", 4, read_size},
    {"stamp", 5, read_stamp},   {"orderedAt", 9, read_ordered_at},
    {"given", 5, read_given},   {"overwrites", 10, read_overwrites},
};

static bool is_key(const struct piece *text, const char *key, size_t key_bytes)
{
    return text->size_bytes == key_bytes && memcmp(text->bytes, key, key_bytes) == 0;
}

/* Its place in both tables, one behind the other; their whole size for any other key. */
static size_t key_place(const struct piece *text)
{
    size_t i = 0;
    while (i < FY_ORDER_TEXT_KEYS &&
           !is_key(text, fy_order_text_keys[i].key, fy_order_text_keys[i].key_bytes))
        i++;
    if (i < FY_ORDER_TEXT_KEYS)
        return i;
    size_t j = 0;
    while (j < FY_COUNT_OF(other_keys) && !is_key(text, other_keys[j].key, other_keys[j].key_bytes))
        j++;
    return FY_ORDER_TEXT_KEYS + j;
}

static bool read_member(struct reader *reader)
{
    struct piece text;
    if (!take_text(reader, &text) || !take(reader, ':'))
        return false;
    size_t place = key_place(&text);
    if (place == FY_ORDER_TEXT_KEYS + FY_COUNT_OF(other_keys))
        return false; /* an unknown one may stand twice, which is refused */
    if ((reader->seen & 1U << place) != 0)
        return false;
    reader->seen |= 1U << place;
    if (take_literal(reader, "null"))
        return true;
    if (place < FY_ORDER_TEXT_KEYS)
        return read_text(reader, &fy_order_text_keys[place]);
    return other_keys[place - FY_ORDER_TEXT_KEYS].read(reader);
}

bool fy_order_json_plain(const char *bytes, size_t size_bytes, struct fy_order *order)
{
    if (size_bytes == 0)
        return false;
    struct reader reader = {.at = bytes, .end = bytes + size_bytes};
    if (!take(&reader, '{'))
        return false;
    do {
        if (!read_member(&reader))
            return false;
    } while (take(&reader, ','));
    if (!take(&reader, '}') || !reader.has_action)
        return false;
    skip_space(&reader);
    if (reader.at < reader.end)
        return false;
    *order = reader.order;
    return true;
}
