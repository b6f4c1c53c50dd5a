# Fails if a static library of LIBRARIES refers to a clock or a timer of its own. Run by the build with NM and LIBRARIES.
set(clocks
        clock_now clock_wall_now
        clock_gettime clock_nanosleep time gettimeofday ftime nanosleep usleep sleep alarm setitimer
        timer_create timerfd_create
        sd_event_now sd_event_add_time sd_event_add_time_relative
        sd_event_source_set_time sd_event_source_set_time_relative)
list(JOIN clocks "|" pattern)
set(found "")
foreach(library ${LIBRARIES})
        execute_process(COMMAND ${NM} -A -u ${library} OUTPUT_VARIABLE symbols RESULT_VARIABLE result)
        if(NOT result EQUAL 0)
                message(FATAL_ERROR "${NM} cannot read ${library}")
        endif()
        string(REGEX MATCHALL "[^\n]* U (${pattern})(@[^\n]*)?\n" uses "${symbols}")
        list(APPEND found ${uses})
endforeach()
if(found)
        list(JOIN found "" found)
        message(FATAL_ERROR "`now` is an argument there, and deadlines are returned (see ARCHITECTURE.md):\n${found}")
endif()
