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

# NAME DIR: installs NAME.in of this folder, in which @bindir@ is where the programs are installed.
function(install_configured name dir)
        install(CODE "
                cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX OUTPUT_VARIABLE prefix)
                cmake_path(APPEND prefix \"${CMAKE_INSTALL_BINDIR}\" OUTPUT_VARIABLE bindir)
                configure_file(\"${CMAKE_CURRENT_SOURCE_DIR}/${name}.in\" \"${CMAKE_CURRENT_BINARY_DIR}/${name}\" @ONLY)
                file(INSTALL \"${CMAKE_CURRENT_BINARY_DIR}/${name}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${dir}\")")
endfunction()
