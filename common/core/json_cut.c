/* json_cut.c - a scanner that knows strings and brackets, and nothing else of JSON. */
#include "common/core/json_cut.h"

static_assert(FY_JSON_DEPTH_MAX <= 32, "open brackets fit into the bits of one word");

void fy_json_cut_init(struct fy_json_cut *cut, const char *text, size_t size_bytes)
{
    *cut = (struct fy_json_cut){.text = text, .size_bytes = size_bytes};
}

static enum fy_json_cut_step fail(struct fy_json_cut *cut, const char *why, struct fy_err *err)
{
    cut->ended = true;
    cut->failed = true;
    (void)fy_err_set(err, FY_EINPUT, "not a JSON array: %s at byte %zu", why, cut->offset);
    return FY_JSON_CUT_ERROR;
}

/* The byte at the offset, or zero at the end: a zero byte is good nowhere in JSON. */
static char here(const struct fy_json_cut *cut)
{
    if (cut->offset == cut->size_bytes)
        return '\0';
    return cut->text[cut->offset];
}

static void skip_space(struct fy_json_cut *cut)
{
    for (;; cut->offset++) {
        char c = here(cut);
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return;
    }
}

/* Passes the string whose opening quote is at the offset. NULL, or what is wrong at the offset. */
static const char *pass_string(struct fy_json_cut *cut)
{
    for (cut->offset++; cut->offset < cut->size_bytes; cut->offset++) {
        unsigned char byte = (unsigned char)cut->text[cut->offset];
        if (byte == '"') {
            cut->offset++;
            return NULL;
        }
        if (byte == '\\')
            cut->offset++; /* whatever is escaped does not end the string */
        else if (byte < 0x20)
            return "a control character in a string";
    }
    cut->offset = cut->size_bytes;
    return "a string without end";
}

/* Passes the object or array whose opening bracket is at the offset. */
static const char *pass_brackets(struct fy_json_cut *cut)
{
    uint32_t arrays = 0; /* bit n: the bracket at depth n is '[' */
    unsigned depth = 0;
    do {
        char c = here(cut);
        switch (c) {
        case '[':
        case '{':
            if (depth == FY_JSON_DEPTH_MAX)
                return "brackets too deep";
            arrays = (arrays & ~(UINT32_C(1) << depth)) | (uint32_t)(c == '[') << depth;
            depth++;
            break;
        case ']':
        case '}':
            FY_ASSERT(depth > 0); /* the first byte opened one */
            if ((c == ']') != ((arrays >> (depth - 1) & 1) != 0))
                return "a closing bracket of the wrong kind";
            depth--;
            break;
        case '"': {
            const char *why = pass_string(cut);
            if (why != NULL)
                return why;
            continue; /* the offset is behind the string already */
        }
        case '\0':
            return cut->offset < cut->size_bytes ? "a zero byte" : "a bracket without end";
        default:
            break;
        }
        cut->offset++;
    } while (depth > 0);
    return NULL;
}

/* Passes a number, true, false, null, or what the element's parser will refuse. */
static const char *pass_word(struct fy_json_cut *cut)
{
    size_t start = cut->offset;
    while (cut->offset < cut->size_bytes) {
        char c = cut->text[cut->offset];
        bool in_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '+' || c == '-' || c == '.';
        if (!in_word)
            break;
        cut->offset++;
    }
    return cut->offset > start ? NULL : "no value";
}

static const char *pass_value(struct fy_json_cut *cut)
{
    switch (here(cut)) {
    case '{':
    case '[':
        return pass_brackets(cut);
    case '"':
        return pass_string(cut);
    default:
        return pass_word(cut);
    }
}

static enum fy_json_cut_step end(struct fy_json_cut *cut, struct fy_err *err)
{
    cut->offset++; /* the closing bracket */
    skip_space(cut);
    if (cut->offset < cut->size_bytes)
        return fail(cut, "something behind the array", err);
    cut->ended = true;
    return FY_JSON_CUT_END;
}

/* From the start, or from behind an element, to the start of the next value. */
static const char *pass_to_value(struct fy_json_cut *cut, bool *closed)
{
    *closed = false;
    bool first = cut->offset == 0;
    skip_space(cut);
    if (first) {
        if (here(cut) != '[')
            return "no '['";
        cut->offset++;
        skip_space(cut);
        *closed = here(cut) == ']';
        return NULL;
    }
    if (here(cut) == ']') {
        *closed = true;
        return NULL;
    }
    if (here(cut) != ',')
        return cut->offset < cut->size_bytes ? "neither ',' nor ']'" : "an array without end";
    cut->offset++;
    skip_space(cut);
    return NULL;
}

enum fy_json_cut_step fy_json_cut_next(struct fy_json_cut *cut, const char **element,
                                       size_t *element_bytes, struct fy_err *err)
{
    if (cut->failed)
        return fail(cut, "an error met before", err);
    if (cut->ended)
        return FY_JSON_CUT_END;

    bool closed;
    const char *why = pass_to_value(cut, &closed);
    if (why != NULL)
        return fail(cut, why, err);
    if (closed)
        return end(cut, err);

    size_t start = cut->offset;
    why = pass_value(cut);
    if (why != NULL)
        return fail(cut, why, err);
    *element = cut->text + start;
    *element_bytes = cut->offset - start;
    cut->count++;
    return FY_JSON_CUT_ELEMENT;
}

enum fy_code fy_json_depth_check(const char *text, size_t size_bytes, struct fy_err *err)
{
    struct fy_json_cut cut;
    fy_json_cut_init(&cut, text, size_bytes);
    unsigned depth = 0;
    while (cut.offset < size_bytes) {
        char c = here(&cut);
        if (c == '"') {
            /* A broken string is the parser's to report: what follows it nests no deeper. */
            if (pass_string(&cut) != NULL)
                return FY_OK;
            continue;
        }
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        if (depth > FY_JSON_DEPTH_MAX)
            return fy_err_set(err, FY_EINPUT, "JSON of more than %d levels at byte %zu",
                              FY_JSON_DEPTH_MAX, cut.offset);
        cut.offset++;
    }
    return FY_OK;
}
