#include "kms/testing/key_provider_contract.hpp"

#include <boost/asio/detached.hpp>

namespace latchkey::kms::testing {

TEST_P(KeyProviderContract, WhatIsWrappedComesBack) {
  for (std::size_t size : {1U, 32U, 65U, 190U}) {
    auto wrapped = wrap(secret_of(size));
    ASSERT_TRUE(wrapped) << wrapped.error().message();
    EXPECT_FALSE(wrapped.value().key_version.empty());
    auto back = unwrap(wrapped.value());
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(to_bytes(back.value().secret.reveal()), Bytes(size, 0x5a));
  }
}

TEST_P(KeyProviderContract, TheSameSecretIsNeverWrappedTheSameWay) {
  auto one = wrap(secret_of(65));
  auto two = wrap(secret_of(65));
  ASSERT_TRUE(one && two);
  EXPECT_NE(one.value().ciphertext, two.value().ciphertext);
  EXPECT_EQ(one.value().key_version, two.value().key_version);
}

TEST_P(KeyProviderContract, SizesThatNoProviderTakesAreInvalid) {
  for (std::size_t size : {0U, 191U, 1000U}) {
    auto wrapped = wrap(secret_of(size));
    ASSERT_FALSE(wrapped) << size;
    EXPECT_EQ(wrapped.error().code, ErrorCode::Invalid);
  }
}

TEST_P(KeyProviderContract, DamagedCiphertextIsCorrupt) {
  auto wrapped = wrap(secret_of(65));
  ASSERT_TRUE(wrapped);
  auto size = wrapped.value().ciphertext.size();
  for (std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
    auto damaged = wrapped.value();
    damaged.ciphertext[at] ^= 0x10;
    auto back = unwrap(damaged);
    ASSERT_FALSE(back) << at;
    EXPECT_EQ(back.error().code, ErrorCode::Corrupt) << back.error().message();
  }
}

TEST_P(KeyProviderContract, CiphertextOfAnImpossibleSizeIsCorrupt) {
  auto wrapped = wrap(secret_of(65));
  ASSERT_TRUE(wrapped);
  for (std::size_t size : {0U, 1U, 100'000U}) {
    auto damaged = wrapped.value();
    damaged.ciphertext.resize(size);
    auto back = unwrap(damaged);
    ASSERT_FALSE(back) << size;
    EXPECT_EQ(back.error().code, ErrorCode::Corrupt) << back.error().message();
  }
}

TEST_P(KeyProviderContract, AnUnknownVersionNeverUnwraps) {
  auto wrapped = wrap(secret_of(65));
  ASSERT_TRUE(wrapped);
  for (const auto& version : {harness->unknown_version(), std::string(), std::string("nonsense")}) {
    auto other = wrapped.value();
    other.key_version = version;
    auto back = unwrap(other);
    ASSERT_FALSE(back) << version;
    EXPECT_TRUE(back.error().code == ErrorCode::KeyDenied || back.error().code == ErrorCode::Corrupt)
        << back.error().message();
  }
}

TEST_P(KeyProviderContract, AnotherBindingOpensOnlyWhereTheProviderDoesNotBind) {
  auto wrapped = wrap(secret_of(65));
  ASSERT_TRUE(wrapped);
  for (auto change :
       {+[](Binding& other) { other.organization.data[0] ^= 1; },
        +[](Binding& other) { other.compartment.data[0] ^= 1; }, +[](Binding& other) { other.data_key[0] ^= 1; }}) {
    auto kept = binding;
    change(binding);
    auto back = unwrap(wrapped.value());
    binding = kept;
    EXPECT_EQ(back.has_value(), !harness->binds());
    if (!back) {
      EXPECT_TRUE(back.error().code == ErrorCode::Corrupt || back.error().code == ErrorCode::KeyDenied);
    }
  }
}

// One spelling by which the same key of another organisation is found, and a budget: a cloud's key without them would
// be attached twice unseen, and asked without a limit.
TEST_P(KeyProviderContract, AKeyOfACloudHasAPlaceAndALimit) {
  auto where = harness->location();
  const auto& key = where.key();
  if (where.is_local()) {
    EXPECT_EQ(key.place(), "");
    EXPECT_FALSE(key.limit_scope().is_counted());
    return;
  }
  EXPECT_NE(key.place(), "");
  EXPECT_EQ(key.place(), harness->location().key().place());
  ASSERT_TRUE(key.limit_scope().is_counted());
  EXPECT_NE(key.limit_scope().service(), "");
  EXPECT_NE(key.limit_scope().key(), "");
}

TEST_P(KeyProviderContract, DescribesTheKeyThatWraps) {
  auto described = describe();
  ASSERT_TRUE(described) << described.error().message();
  EXPECT_TRUE(described.value().enabled);
  EXPECT_GT(described.value().bits, 0U);
  EXPECT_EQ(described.value().key_version, wrap(secret_of(32)).value().key_version);
}

TEST_P(KeyProviderContract, ALocationOfAnotherKindIsInvalid) {
  auto location = harness->foreign_location();
  auto secret = secret_of(32);
  WrappedKey wrapped{"v", Bytes(384, 1)};
  auto one = run_task(harness->context(), harness->provider().wrap(location, binding, secret, harness->soon()));
  auto two = run_task(harness->context(), harness->provider().unwrap(location, binding, wrapped, harness->soon()));
  auto three = run_task(harness->context(), harness->provider().describe(location, harness->soon()));
  ASSERT_FALSE(one || two || three);
  EXPECT_EQ(one.error().code, ErrorCode::Invalid);
  EXPECT_EQ(two.error().code, ErrorCode::Invalid);
  EXPECT_EQ(three.error().code, ErrorCode::Invalid);
}

TEST_P(KeyProviderContract, AfterTheDeadlineThereIsAResultOrKeyUnreachable) {
  auto key = location();
  auto described = run_task(harness->context(), harness->provider().describe(key, harness->past()));
  if (!described) {
    EXPECT_EQ(described.error().code, ErrorCode::KeyUnreachable);
  }
  auto secret = secret_of(32);
  auto wrapped = run_task(harness->context(), harness->provider().wrap(key, binding, secret, harness->past()));
  if (!wrapped) {
    EXPECT_EQ(wrapped.error().code, ErrorCode::KeyUnreachable);
  }
}

TEST_P(KeyProviderContract, ManyAtOnce) {
  auto wrapped = wrap(secret_of(65));
  ASSERT_TRUE(wrapped);
  int good = 0;
  auto one = [this, &wrapped, &good]() -> Task<void> {
    auto key = harness->location();
    auto back = co_await harness->provider().unwrap(key, binding, wrapped.value(), harness->soon());
    good += back && back.value().secret.size() == 65 ? 1 : 0;
  };
  for (int i = 0; i < 16; ++i) boost::asio::co_spawn(harness->context(), one(), boost::asio::detached);
  harness->context().restart();
  harness->context().run();
  EXPECT_EQ(good, 16);
}

}  // namespace latchkey::kms::testing
