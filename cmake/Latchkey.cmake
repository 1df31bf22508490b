# latchkey_library(NAME SOURCES ... DEPENDS ... [TESTS ...] [INLINED ...] [AES_ENGINES] [COMPILED_TOGETHER])
#   makes the static library latchkey_NAME of one folder, and, where TESTS are named, latchkey_NAME_test beside it. With
#   AES_ENGINES the tests run once with each implementation of AES-GCM, whichever of them is the faster here. INLINED names
#   the sources whose functions call each other so often, across files and folders, that the calls themselves count.
#   COMPILED_TOGETHER compiles the library's own files as the tests' are: not for what is changed daily.
include(GoogleTest)

add_library(latchkey_options INTERFACE)
target_include_directories(latchkey_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(
  latchkey_options INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                             LATCHKEY_VERSION="${PROJECT_VERSION}")
target_compile_options(latchkey_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                                  -fstack-protector-strong)
# Nobody replaces single functions of ours: the compiler may inline them although the code is position-independent.
target_compile_options(latchkey_options INTERFACE -fno-semantic-interposition)
if(LATCHKEY_WERROR)
  target_compile_options(latchkey_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # What ccache needs to tell one precompiled header from another.
  target_compile_options(latchkey_options INTERFACE -fpch-preprocess)
  # g++ 12 sees uninitialised, overlapping and out-of-bounds accesses inside inlined coroutine frames, Boost and
  # std::string that are not there (GCC bugs 105562, 105651, 105329).
  target_compile_options(latchkey_options INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-restrict
                                                    -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # ccache finds by its contents what clang would else refuse for its age.
  target_compile_options(latchkey_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  # Who touches what a mutex guards without holding it: base/mutex.hpp.
  target_compile_options(latchkey_options INTERFACE -Wthread-safety)
endif()
if(LATCHKEY_SANITIZE)
  target_compile_options(latchkey_options INTERFACE -fsanitize=${LATCHKEY_SANITIZE} -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all)
  if(LATCHKEY_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Boost's fences, which g++ says that it does not watch.
    target_compile_options(latchkey_options INTERFACE -Wno-tsan)
  endif()
  target_link_options(latchkey_options INTERFACE -fsanitize=${LATCHKEY_SANITIZE})
endif()
# What is tested is optimised, what tests it need not be: a third less to compile.
add_library(latchkey_test_options INTERFACE)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(latchkey_test_options INTERFACE -O0 -U_FORTIFY_SOURCE)
endif()
find_program(LATCHKEY_MOLD mold)
if(LATCHKEY_MOLD)
  target_link_options(latchkey_options INTERFACE -fuse-ld=mold)
endif()

# The headers that most files read and that cost most to read, compiled once. No file may rely on them: scripts/lint
# reads each without.
set(LATCHKEY_PRECOMPILED_DEPENDS Threads::Threads Boost::json Boost::url fmt::fmt spdlog::spdlog)
add_library(latchkey_precompiled OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
target_link_libraries(latchkey_precompiled PRIVATE latchkey_options ${LATCHKEY_PRECOMPILED_DEPENDS})
target_precompile_headers(latchkey_precompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp)
if(LATCHKEY_BUILD_TESTS)
  add_library(latchkey_precompiled_test OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
  target_link_libraries(latchkey_precompiled_test PRIVATE latchkey_options latchkey_test_options
                                                          ${LATCHKEY_PRECOMPILED_DEPENDS} GTest::gmock)
  target_precompile_headers(latchkey_precompiled_test PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp
                            <gmock/gmock.h> <gtest/gtest.h>)
  # The only object that knows the folder: ccache finds all others that a clone elsewhere compiled.
  add_library(latchkey_source_folder STATIC ${CMAKE_SOURCE_DIR}/src/testing/source_folder.cpp)
  target_link_libraries(latchkey_source_folder PRIVATE latchkey_options)
  target_compile_definitions(latchkey_source_folder PRIVATE LATCHKEY_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                                            LATCHKEY_BINARY_DIR="${CMAKE_BINARY_DIR}")
endif()

# Compiles the files of a target four at a time: what they read, and what of templates they make, is most of their time.
function(latchkey_compile_together target)
  if(LATCHKEY_COMPILE_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # g++ takes an anonymous namespace of an included file for one of a header.
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
endfunction()

function(latchkey_library name)
  cmake_parse_arguments(ARG "AES_ENGINES;COMPILED_TOGETHER" "" "SOURCES;DEPENDS;TESTS;INLINED" ${ARGN})
  add_library(latchkey_${name} STATIC ${ARG_SOURCES})
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Optimised again at link time; the objects are whole without it, too. -O3 is worth 2 % of a record of 1 KiB.
    set_source_files_properties(${ARG_INLINED} PROPERTIES COMPILE_OPTIONS "-O3;-flto=1;-ffat-lto-objects"
                                                          SKIP_PRECOMPILE_HEADERS ON)
  endif()
  target_link_libraries(latchkey_${name} PUBLIC latchkey_options ${ARG_DEPENDS})
  target_precompile_headers(latchkey_${name} REUSE_FROM latchkey_precompiled)
  if(ARG_COMPILED_TOGETHER)
    latchkey_compile_together(latchkey_${name})
  endif()
  if(LATCHKEY_BUILD_TESTS AND ARG_TESTS)
    add_executable(latchkey_${name}_test ${ARG_TESTS})
    target_link_libraries(latchkey_${name}_test PRIVATE latchkey_${name} latchkey_test_options latchkey_source_folder
                                                        GTest::gmock_main)
    target_precompile_headers(latchkey_${name}_test REUSE_FROM latchkey_precompiled_test)
    latchkey_compile_together(latchkey_${name}_test)
    # For a machine that is busy with other things, too.
    set(limits TIMEOUT 600 DISCOVERY_TIMEOUT 300)
    if(ARG_AES_ENGINES AND LATCHKEY_IPSEC_MB)
      gtest_discover_tests(latchkey_${name}_test NO_PRETTY_VALUES TEST_SUFFIX " (openssl)" PROPERTIES ${limits}
                           ENVIRONMENT LATCHKEY_AEAD=openssl TEST_LIST openssl_tests)
      gtest_discover_tests(latchkey_${name}_test NO_PRETTY_VALUES TEST_SUFFIX " (ipsec-mb)" PROPERTIES ${limits}
                           ENVIRONMENT LATCHKEY_AEAD=ipsec-mb TEST_LIST ipsec_mb_tests)
    else()
      gtest_discover_tests(latchkey_${name}_test NO_PRETTY_VALUES PROPERTIES ${limits})
    endif()
  endif()
endfunction()
