# Every library Latchkey is built with: Debian 12's packages, at least these versions.
# Boost 1.81 is the oldest with Boost.URL; OpenSSL 3.0 the oldest with the EVP_PKEY parameter API used in src/crypto.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL Crypto)
find_package(CURL 7.88 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(tomlplusplus 3.3 REQUIRED)
if(LATCHKEY_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()
