/* queue_contract_text.h - tests of the queue contract about what is kept beside an offset, and what
 * is counted. */
#ifndef FY_TESTS_CONTRACT_QUEUE_CONTRACT_TEXT_H
#define FY_TESTS_CONTRACT_QUEUE_CONTRACT_TEXT_H

/* state: a struct queue_fixture with the topic "orders". */
void what_is_kept_beside_an_offset_is_told_with_the_lag(void **state);
void each_publish_is_counted_with_its_outcome(void **state);
void what_is_kept_is_never_committed_with_another_offset(void **state);

#endif
