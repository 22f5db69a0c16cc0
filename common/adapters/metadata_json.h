/* metadata_json.h - an object's metadata: a JSON object of text to text, in one form
 * (spec 1.4, 2.4). */
#ifndef FY_ADAPTERS_METADATA_JSON_H
#define FY_ADAPTERS_METADATA_JSON_H

#include "common/core/names.h"

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

#endif
