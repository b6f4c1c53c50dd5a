# What decrypts in encrypted rooms: `crypto-library` is one of two implementations of src/matrix/crypto/crypto.h.
set(WITH_E2EE AUTO CACHE STRING "See calls in encrypted rooms, by this library: vodozemac (needs cargo), libolm or OFF; \
AUTO: the first one that can be built here")
set_property(CACHE WITH_E2EE PROPERTY STRINGS AUTO vodozemac libolm OFF)
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
if(e2ee STREQUAL "AUTO")
        if(rust_version VERSION_GREATER_EQUAL ${vodozemac_rust})
                set(e2ee vodozemac)
        elseif(OLM_FOUND)
                set(e2ee libolm)
        else()
                message(WARNING "No cargo with Rust ${vodozemac_rust} and no libolm: calls in encrypted rooms will not be \
seen; -DWITH_E2EE=OFF says that this is meant")
                set(e2ee OFF)
        endif()
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
        add_library(crypto-library STATIC ${CMAKE_SOURCE_DIR}/src/matrix/crypto/libolm/libolm.c)
        target_include_directories(crypto-library PRIVATE ${CMAKE_SOURCE_DIR}/src)
        target_link_libraries(crypto-library PUBLIC json PkgConfig::OLM)
elseif(e2ee)
        message(FATAL_ERROR "WITH_E2EE=${WITH_E2EE}: vodozemac, libolm or OFF")
endif()
