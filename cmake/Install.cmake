# Installing below a prefix that is known only when `cmake --install --prefix` runs.

# OUT FALLBACK PACKAGE VARIABLE DEFINITION...: the folder that PACKAGE's pkg-config VARIABLE names, relative to the
# prefix. The DEFINITIONs put `@` where that variable has the prefix of the package.
function(below_prefix out fallback package variable)
        set(definitions)
        foreach(definition ${ARGN})
                string(REPLACE "@" "/PREFIX" definition ${definition})
                list(APPEND definitions --define-variable=${definition})
        endforeach()
        execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} ${definitions} --variable=${variable} ${package}
                OUTPUT_VARIABLE dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        if(dir MATCHES "^/PREFIX/(.+)$")
                set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
        else()
                set(${out} ${fallback} PARENT_SCOPE)
        endif()
endfunction()

# NAME DIR: installs NAME.in of this folder, in which @busyd_unit@ and @busyd_exec@ are the installed daemon in quotes, as
# units of systemd and service files of D-Bus want it.
function(install_configured name dir)
        install(CODE "
                include(\"${CMAKE_CURRENT_FUNCTION_LIST_FILE}\")
                configure_below_prefix(\"${CMAKE_INSTALL_BINDIR}\" \"${CMAKE_CURRENT_SOURCE_DIR}/${name}.in\"
                        \"${CMAKE_CURRENT_BINARY_DIR}/${name}\")
                file(INSTALL \"${CMAKE_CURRENT_BINARY_DIR}/${name}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${dir}\")")
endfunction()

# While installing. In a unit % begins a specifier, also within quotes, and nothing else is special in the program of a
# command but what systemd refuses.
function(configure_below_prefix bindir from to)
        cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX OUTPUT_VARIABLE busyd)
        cmake_path(APPEND busyd "${bindir}" busyd)
        string(ASCII 1 first_control)
        string(ASCII 31 last_control)
        string(ASCII 127 delete)
        if(busyd MATCHES "[\"'\\${first_control}-${last_control}${delete}]")
                message(FATAL_ERROR "No unit of systemd can name a program below a folder with quotes, backslashes or "
                        "control characters: ${busyd}")
        endif()
        string(REPLACE "%" "%%" busyd_unit "\"${busyd}\"")
        set(busyd_exec "'${busyd}'")
        configure_file("${from}" "${to}" @ONLY)
endfunction()
