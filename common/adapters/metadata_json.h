/* metadata_json.h - an object's metadata: a JSON object of text to text, in one form
 * (spec 1.4, 2.4). */
#ifndef FY_ADAPTERS_METADATA_JSON_H
#define FY_ADAPTERS_METADATA_JSON_H

#include "common/core/names.h"
#include "common/ports/catalogue_row.h"

/*
 * Checks metadata and writes its one form: compact, keys sorted, "{}" when there is none.
 *   text  JSON object, or "" for none; texts only, each value by fy_ccs_text_is_sane
 *   ccs   keys must match fy_ccs_metadata_key_is_valid; else any key that is sane and not empty
 *   out   untouched on failure
 * Errors: FY_EINPUT with a sentence, also when out would be over FY_METADATA_BYTES_MAX. Thread:
 * any.
 */
FY_MUST_CHECK enum fy_code fy_metadata_json_clean(const char *text, bool ccs,
                                                  char out[static FY_METADATA_BYTES_MAX + 1],
                                                  struct fy_err *err);
/*
 * Sets properties in an object's metadata (one form, or ""), or removes those whose value is NULL;
 * flush: all others first. What is no property (FY_OIO_MIME_KEY) stays. Untouched on failure.
 * Errors: FY_EINPUT a key or value that cannot be; FY_ETOOBIG: over FY_METADATA_BYTES_MAX then.
 */
FY_MUST_CHECK enum fy_code fy_metadata_json_set(char metadata[static FY_METADATA_BYTES_MAX + 1],
                                                bool flush, const struct fy_property *properties,
                                                size_t count, struct fy_err *err);

#endif
