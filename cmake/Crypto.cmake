# What decrypts in encrypted rooms: `crypto-library` is one of two implementations of src/matrix/crypto/crypto.h.
set(vodozemac_rust 1.85)

find_program(CARGO cargo)
find_program(RUSTC rustc)
set(rust_version 0)
if(CARGO AND RUSTC)
        execute_process(COMMAND ${RUSTC} --version OUTPUT_VARIABLE rust_version)
        string(REGEX MATCH "[0-9.]+" rust_version "${rust_version}")
endif()
pkg_check_modules(OLM IMPORTED_TARGET olm>=3.2.13)

set(e2ee ${WITH_E2EE})
if(e2ee STREQUAL "AUTO" OR e2ee STREQUAL "ON")
        set(e2ee OFF)
        if(rust_version VERSION_GREATER_EQUAL ${vodozemac_rust})
                # What it is made of comes from a registry, which is not everywhere within reach.
                execute_process(COMMAND ${CARGO} fetch --quiet --locked --manifest-path
                        ${CMAKE_SOURCE_DIR}/src/matrix/crypto/vodozemac/Cargo.toml RESULT_VARIABLE failed
                        OUTPUT_QUIET ERROR_QUIET TIMEOUT 120)
                if(failed EQUAL 0)
                        set(e2ee vodozemac)
                endif()
        endif()
        if(NOT e2ee AND OLM_FOUND)
                set(e2ee libolm)
        elseif(NOT e2ee AND WITH_E2EE STREQUAL "ON")
                message(FATAL_ERROR "WITH_E2EE=ON needs cargo with Rust ${vodozemac_rust} and its registry, or libolm")
        elseif(NOT e2ee)
                message(WARNING "No cargo with Rust ${vodozemac_rust} and no libolm: calls in encrypted rooms will not be \
seen; -DWITH_E2EE=OFF says that this is meant")
        endif()
        message(STATUS "Encrypted rooms: ${e2ee}")
endif()

if(e2ee STREQUAL "vodozemac")
        if(rust_version VERSION_LESS ${vodozemac_rust})
                message(FATAL_ERROR "WITH_E2EE=vodozemac needs cargo and rustc ${vodozemac_rust}")
        endif()
        # Where it was built is nobody's business, here as in C.
        if(DEFINED ENV{CARGO_HOME})
                set(cargo_home $ENV{CARGO_HOME})
        else()
                set(cargo_home $ENV{HOME}/.cargo)
        endif()
        set(crate ${CMAKE_SOURCE_DIR}/src/matrix/crypto/vodozemac)
        # It takes minutes and is the same in each of a developer's builds: they can share it.
        set(VODOZEMAC_DIR ${CMAKE_BINARY_DIR}/cargo CACHE PATH "Where cargo builds vodozemac")
        set(target_dir ${VODOZEMAC_DIR})
        set(archive ${target_dir}/release/libbusyd_vodozemac.a)
        add_custom_command(OUTPUT ${archive}
                COMMAND ${CMAKE_COMMAND} -E env RUSTC=${RUSTC}
                        "RUSTFLAGS=--remap-path-prefix=${CMAKE_SOURCE_DIR}=. --remap-path-prefix=${cargo_home}=cargo"
                        ${CARGO} build --quiet --locked --release --manifest-path ${crate}/Cargo.toml
                        --target-dir ${target_dir}
                DEPENDS ${crate}/Cargo.toml ${crate}/Cargo.lock ${crate}/src/lib.rs
                COMMENT "Building vodozemac" VERBATIM)
        add_custom_target(vodozemac-archive DEPENDS ${archive})
        add_library(crypto-library INTERFACE)
        add_dependencies(crypto-library vodozemac-archive)
        target_link_libraries(crypto-library INTERFACE ${archive} gcc_s pthread m dl)
elseif(e2ee STREQUAL "libolm")
        if(NOT OLM_FOUND)
                message(FATAL_ERROR "WITH_E2EE=libolm needs libolm")
        endif()
        # It is loaded for who has keys of encrypted rooms (src/util/library.h): of it only what the headers say is needed.
        file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/matrix/crypto/libolm/*.c)
        add_library(crypto-library STATIC ${files})
        # What shows that the room is pure has the functions from here: the other rooms that these call stay out of it.
        add_library(crypto-library-alone SHARED ${files})
        set_target_properties(crypto-library-alone PROPERTIES C_VISIBILITY_PRESET default)
        foreach(target crypto-library crypto-library-alone)
                target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src)
                target_include_directories(${target} SYSTEM PRIVATE ${OLM_INCLUDE_DIRS})
                target_compile_options(${target} PRIVATE ${OLM_CFLAGS_OTHER})
        endforeach()
        target_link_libraries(crypto-library PUBLIC json util)
elseif(e2ee)
        message(FATAL_ERROR "WITH_E2EE=${WITH_E2EE}: AUTO, ON, vodozemac, libolm or OFF")
endif()
