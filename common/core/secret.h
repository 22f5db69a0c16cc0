/* secret.h - a secret out of a file of its own, as service managers and containers hand it over. */
#ifndef FY_CORE_SECRET_H
#define FY_CORE_SECRET_H

#include "common/core/err.h"

/*
 * Reads the first line of a file, without its end.
 *   setting     whose secret it is, for the sentence: "cache.password_file"
 *   path        of the file
 *   line        on FY_OK 1..line_bytes - 1 bytes and a zero byte; else ""
 * Errors: FY_EIO it cannot be read; FY_EINPUT its first line is empty or too long. The sentence
 * never has any of it. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_secret_read(const char *setting, const char *path, char *line,
                                          size_t line_bytes, struct fy_err *err);

#endif
