# latchkey_library(NAME SOURCES ... DEPENDS ... [TESTS ...])
#   makes the static library latchkey_NAME of one folder, and, where TESTS are named, latchkey_NAME_test beside it.
include(GoogleTest)

add_library(latchkey_options INTERFACE)
target_include_directories(latchkey_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(
  latchkey_options INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                             LATCHKEY_VERSION="${PROJECT_VERSION}")
target_compile_options(latchkey_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                                  -fstack-protector-strong)
if(LATCHKEY_WERROR)
  target_compile_options(latchkey_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees maybe-uninitialized and dangling accesses inside inlined coroutine frames and Boost that are not there.
  target_compile_options(latchkey_options INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
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
find_program(LATCHKEY_MOLD mold)
if(LATCHKEY_MOLD)
  target_link_options(latchkey_options INTERFACE -fuse-ld=mold)
endif()

function(latchkey_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;TESTS" ${ARGN})
  add_library(latchkey_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(latchkey_${name} PUBLIC latchkey_options ${ARG_DEPENDS})
  if(LATCHKEY_BUILD_TESTS AND ARG_TESTS)
    add_executable(latchkey_${name}_test ${ARG_TESTS})
    target_link_libraries(latchkey_${name}_test PRIVATE latchkey_${name} GTest::gmock_main)
    target_compile_definitions(latchkey_${name}_test PRIVATE LATCHKEY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(latchkey_${name}_test PROPERTIES TIMEOUT 120 DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
