# Fails if a static library of LIBRARIES refers to a clock or a timer of its own, one of FATED to random numbers of its own,
# or one of PROGRAMS to what leaves something out without memory. Run by the build with NM and those three.
set(clocks
        clock_now clock_wall_now
        clock_gettime clock_nanosleep time gettimeofday ftime nanosleep usleep sleep alarm setitimer
        timer_create timerfd_create
        sd_event_now sd_event_add_time sd_event_add_time_relative
        sd_event_source_set_time sd_event_source_set_time_relative)
set(dice random_u32 getrandom getentropy rand rand_r random random_r drand48 arc4random arc4random_uniform)
set(lossy json_dumps json_copy json_deep_copy json_object_update_missing)

function(refuse reason libraries symbols)
        list(JOIN symbols "|" pattern)
        set(found "")
        foreach(library ${libraries})
                execute_process(COMMAND ${NM} -A -u ${library} OUTPUT_VARIABLE names RESULT_VARIABLE result)
                if(NOT result EQUAL 0)
                        message(FATAL_ERROR "${NM} cannot read ${library}")
                endif()
                string(REGEX MATCHALL "[^\n]* U (${pattern})(@[^\n]*)?\n" uses "${names}")
                list(APPEND found ${uses})
        endforeach()
        if(found)
                list(JOIN found "" found)
                message(FATAL_ERROR "${reason}:\n${found}")
        endif()
endfunction()

refuse("`now` is an argument there, and deadlines are returned (see ARCHITECTURE.md)" "${LIBRARIES}" "${clocks}")
refuse("random numbers are the owner's to draw there, so that a seed makes a whole world" "${FATED}" "${dice}")
refuse("without memory it does less than all, and says nothing: see json_dumps_whole() and its like" "${PROGRAMS}" "${lossy}")
