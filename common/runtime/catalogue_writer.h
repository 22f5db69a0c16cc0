/* catalogue_writer.h - the one thread that writes the catalogue: whatever has gathered, one
 * transaction. */
#ifndef FY_RUNTIME_CATALOGUE_WRITER_H
#define FY_RUNTIME_CATALOGUE_WRITER_H

#include "common/ports/catalogue.h"

struct fy_catalogue_writer;

FY_MUST_CHECK enum fy_code fy_catalogue_writer_open(struct fy_catalogue *catalogue,
                                                    struct fy_catalogue_writer **writer,
                                                    struct fy_err *err);
/* Hands an operation over; op->done is called on the catalogue thread after its commit and must not
 * block. op stays the caller's and must live until then. Thread: any; never blocks. */
void fy_catalogue_writer_submit(struct fy_catalogue_writer *writer, struct fy_cat_op *op);
/* Submits and waits; returns op->code, and of a failure *err is op->err (err may be NULL). op->done
 * must be NULL. Thread: any but the catalogue's. */
FY_MUST_CHECK enum fy_code fy_catalogue_writer_run(struct fy_catalogue_writer *writer,
                                                   struct fy_cat_op *op, struct fy_err *err);
/* Whether the last write reached the catalogue (readiness, breaker of ENGINE 1.8). Thread: any. */
bool fy_catalogue_writer_healthy(struct fy_catalogue_writer *writer);
/* Runs what waits, then joins. Nobody submits any more. Accepts NULL. */
void fy_catalogue_writer_close(struct fy_catalogue_writer *writer);

#endif
