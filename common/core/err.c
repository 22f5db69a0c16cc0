/* err.c - the tables behind codes and reasons, and the sentence of an error. */
#include "common/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Exit statuses of the command (DESIGN 10). */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 4,
    EXIT_TEMPORARY = 5,
    EXIT_REFUSED = 6,
    EXIT_FATAL = 7,
    EXIT_LIMIT = 8,
    EXIT_INTERRUPTED = 130,
};

static const struct code_row {
    const char *name; /* as logged and shown; never renamed */
    int http_status;
    int exit_status;
} fy_code_table[FY_CODE_COUNT] = {
    [FY_OK] = {"ok", 200, EXIT_DONE},
    [FY_EINPUT] = {"input", 400, EXIT_USAGE},
    [FY_EUNAUTH] = {"unauthorized", 401, EXIT_REFUSED},
    [FY_EFORBIDDEN] = {"forbidden", 403, EXIT_REFUSED},
    [FY_ENOTFOUND] = {"not_found", 404, EXIT_NOT_FOUND},
    [FY_EMETHOD] = {"method", 405, EXIT_REFUSED},
    [FY_ENOTACCEPT] = {"not_acceptable", 406, EXIT_REFUSED},
    [FY_EEXISTS] = {"exists", 409, EXIT_REFUSED},
    [FY_EGONE] = {"gone", 410, EXIT_NOT_FOUND},
    [FY_ETOOBIG] = {"too_big", 413, EXIT_LIMIT},
    [FY_EMEDIA] = {"media_type", 415, EXIT_REFUSED},
    [FY_ERANGE] = {"range", 416, EXIT_REFUSED},
    [FY_EFULL] = {"full", 503, EXIT_TEMPORARY},
    [FY_EBUSY] = {"busy", 503, EXIT_TEMPORARY},
    [FY_EFROZEN] = {"frozen", 503, EXIT_TEMPORARY},
    [FY_EDISABLED] = {"disabled", 500, EXIT_REFUSED},
    [FY_EQUOTA] = {"quota", 507, EXIT_LIMIT},
    [FY_ENOSPACE] = {"no_space", 507, EXIT_TEMPORARY},
    [FY_ENET] = {"net", 502, EXIT_TEMPORARY},
    [FY_ETIMEOUT] = {"timeout", 504, EXIT_TEMPORARY},
    [FY_EPEER] = {"peer", 502, EXIT_TEMPORARY},
    [FY_ECORRUPT] = {"corrupt", 500, EXIT_ERROR},
    [FY_EIO] = {"io", 500, EXIT_FATAL},
    [FY_ECANCELLED] = {"cancelled", 503, EXIT_INTERRUPTED},
    [FY_EINTERNAL] = {"internal", 500, EXIT_FATAL},
};

/* The sentence goes into headers, logs and terminals as one line. Bytes from 0x80 on stay: names
 * are UTF-8, and the writers of headers and JSON have their own rule for them. */
static void keep_one_line(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f)
            *text = '?';
    }
}

enum fy_code fy_err_set(struct fy_err *err, enum fy_code code, const char *format, ...)
{
    FY_ASSERT(code > FY_OK);
    FY_ASSERT(code < FY_CODE_COUNT);
    if (err == NULL)
        return code;

    /* Printed aside: an argument may be the old sentence of this very err. */
    struct fy_err fresh = {.code = code};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fresh.text, sizeof(fresh.text), format, arguments); /* a long one is cut */
    va_end(arguments);
    keep_one_line(fresh.text);
    *err = fresh;
    return code;
}

/* Appends what fits to a text of FY_ERR_TEXT_BYTES. */
static void append_cut(char *text, const char *more)
{
    size_t used = strlen(text);
    size_t more_bytes = strnlen(more, FY_ERR_TEXT_BYTES - 1 - used);
    memcpy(text + used, more, more_bytes);
    text[used + more_bytes] = '\0';
}

enum fy_code fy_err_add(struct fy_err *err, const char *format, ...)
{
    if (err == NULL)
        return FY_EINTERNAL;

    char text[FY_ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int printed = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    FY_ASSERT(printed >= 0);

    append_cut(text, ": ");
    append_cut(text, err->text);
    keep_one_line(text);
    memcpy(err->text, text, sizeof(err->text));
    return err->code;
}

static const struct code_row *code_row(enum fy_code code)
{
    FY_ASSERT((unsigned)code < FY_CODE_COUNT);
    return &fy_code_table[code];
}

const char *fy_code_name(enum fy_code code)
{
    return code_row(code)->name;
}

int fy_code_http_status(enum fy_code code)
{
    return code_row(code)->http_status;
}

int fy_code_exit_status(enum fy_code code)
{
    return code_row(code)->exit_status;
}

static const struct reason_row {
    const char *name; /* stored and shown; never renamed */
    enum fy_reason_class class;
} reason_table[FY_REASON_COUNT] = {
    [FY_REASON_NONE] = {"", FY_CLASS_LOCAL},
    [FY_SRC_NOT_FOUND] = {"SRC_NOT_FOUND", FY_CLASS_ORDER},
    [FY_SRC_CHANGED] = {"SRC_CHANGED", FY_CLASS_ORDER},
    [FY_SRC_UNREACHABLE] = {"SRC_UNREACHABLE", FY_CLASS_SITE},
    [FY_SRC_REFUSED] = {"SRC_REFUSED", FY_CLASS_SITE},
    [FY_RIGHTS] = {"RIGHTS", FY_CLASS_ORDER},
    [FY_STALLED] = {"STALLED", FY_CLASS_SITE},
    [FY_SIZE_MISMATCH] = {"SIZE_MISMATCH", FY_CLASS_ORDER},
    [FY_HASH_MISMATCH] = {"HASH_MISMATCH", FY_CLASS_ORDER},
    [FY_STORE_FULL] = {"STORE_FULL", FY_CLASS_LOCAL},
    [FY_STORE_ERROR] = {"STORE_ERROR", FY_CLASS_LOCAL},
    [FY_CATALOGUE_ERROR] = {"CATALOGUE_ERROR", FY_CLASS_LOCAL},
    /* The other owner may leave, or rights may be given, between the tries. */
    [FY_CONFLICT] = {"CONFLICT", FY_CLASS_ORDER},
    /* Somebody may still add the site: its own loss is no reason to lose its orders. */
    [FY_TOPOLOGY_UNKNOWN] = {"TOPOLOGY_UNKNOWN", FY_CLASS_SITE},
    [FY_EXPIRED] = {"EXPIRED", FY_CLASS_POISON},
    /* A transfer that was stopped, because we stop or the partition left, says nothing of its
       order. */
    [FY_CANCELLED] = {"CANCELLED", FY_CLASS_LOCAL},
    [FY_BAD_ORDER] = {"BAD_ORDER", FY_CLASS_POISON},
    [FY_INTERNAL] = {"INTERNAL", FY_CLASS_ORDER},
    /* A CCS site took the order and does not show its effect: it is slow, or has dropped it. Or a
     * snapshot of the container is being made here. */
    [FY_NOT_APPLIED] = {"NOT_APPLIED", FY_CLASS_SITE},
};

const char *fy_reason_name(enum fy_reason reason)
{
    FY_ASSERT((unsigned)reason < FY_REASON_COUNT);
    return reason_table[reason].name;
}

enum fy_code fy_reason_parse(const char *text, enum fy_reason *reason)
{
    for (int i = FY_REASON_NONE + 1; i < FY_REASON_COUNT; i++) {
        if (strcmp(text, reason_table[i].name) == 0) {
            *reason = (enum fy_reason)i;
            return FY_OK;
        }
    }
    return FY_EINPUT;
}

enum fy_reason_class fy_reason_class(enum fy_reason reason)
{
    FY_ASSERT((unsigned)reason < FY_REASON_COUNT);
    FY_ASSERT(reason != FY_REASON_NONE);
    return reason_table[reason].class;
}
