/* queue_contract_load.h - the tests of the queue's suite that need threads or a process to kill. */
#ifndef FY_TESTS_CONTRACT_QUEUE_CONTRACT_LOAD_H
#define FY_TESTS_CONTRACT_QUEUE_CONTRACT_LOAD_H

void no_wake_up_is_lost_between_publishers_and_a_sleeping_consumer(void **state);
void many_publishers_a_consumer_trim_and_lag_agree(void **state);
void what_was_acknowledged_survives_sigkill(void **state);

#endif
