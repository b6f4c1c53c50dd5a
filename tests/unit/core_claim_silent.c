/* A connection that brings nothing, though something has happened. */
#include "core_claim.h"

/* It has died in silence after what is told last: our own write does not come back by it. */
Test(core_claim_silent, what_is_read_for_want_of_an_echo_is_read_again_before_it_is_given_back) {
        for (unsigned echoed = 0; echoed < 2; echoed++) {
                hold(&single_value, "online", "Working");
                if (echoed)
                        push();
                run_for(10 * SEC);
                reads = 0;
                if (!echoed)
                        set_shown("online", "Lunch");
                expect_given_back(20 * SEC, "online", echoed ? "Working" : "Lunch");
                cr_expect_eq(reads, 1, "what is given back is seen, or found");
                claim_done(&claim);
        }
}

/* A write that changes nothing has no echo. */
Test(core_claim_silent, what_stood_there_is_not_read_again_for_want_of_an_echo) {
        begin(&single_value, "online", "In a call");
        push();
        enter("online", "In a call");
        reads = 0;
        want("online", "Back soon");
        (void) run_to_write();
        cr_expect_eq(reads, 0);
        claim_done(&claim);
}
