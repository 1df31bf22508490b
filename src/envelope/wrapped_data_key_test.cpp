#include "envelope/wrapped_data_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "testing/matchers.hpp"

namespace latchkey::envelope {
namespace {

using latchkey::testing::IsError;

DataKeyBinding binding() {
  DataKeyBinding where{};
  where.organization.data[0] = 1;
  where.compartment.data[0] = 2;
  where.data_key_id[0] = 3;
  return where;
}

DataKey data_key() {
  return DataKey::create(binding().data_key_id, crypto::SecretBytes(Bytes(32, 0x55))).value();
}

TEST(WrapPayload, HasTheDocumentedLayout) {
  auto payload = make_wrap_payload(binding(), data_key());
  ASSERT_EQ(payload.size(), 65U);
  auto hex = hex_encode(payload.reveal());
  EXPECT_EQ(hex.substr(0, 66), "01" + std::string(64, '5'));
  std::string place("latchkey-dk-v1");
  place += std::string("\x01", 1) + std::string(15, '\0') + std::string("\x02", 1) + std::string(15, '\0') +
           std::string("\x03", 1) + std::string(15, '\0');
  EXPECT_EQ(hex.substr(66), hex_encode(crypto::sha256(as_bytes(place))));
}

TEST(WrapPayload, OpensInItsPlaceAndInNoOther) {
  auto payload = make_wrap_payload(binding(), data_key());
  auto opened = open_wrap_payload(binding(), payload);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(crypto::equal_constant_time(opened.value().material(), data_key().material()));
  EXPECT_EQ(opened.value().id(), binding().data_key_id);

  auto organization = binding();
  organization.organization.data[15] ^= 1;
  auto compartment = binding();
  compartment.compartment.data[15] ^= 1;
  auto id = binding();
  id.data_key_id[15] ^= 1;
  for (const auto& elsewhere : {organization, compartment, id}) {
    auto refused = open_wrap_payload(elsewhere, payload);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Corrupt);
    EXPECT_NE(refused.error().message().find(format_id(id_prefix::kDataKey, elsewhere.data_key_id)), std::string::npos);
  }
}

TEST(WrapPayload, OtherSizesVersionsAndBytesAreRefused) {
  auto payload = make_wrap_payload(binding(), data_key());
  for (std::size_t size : {0U, 1U, 33U, 64U}) {
    EXPECT_FALSE(open_wrap_payload(binding(), crypto::SecretBytes(payload.reveal().first(size)))) << size;
  }
  for (std::size_t at : {0U, 33U, 64U}) {
    auto damaged = payload.clone();
    damaged.mutable_view()[at] ^= 1;
    EXPECT_THAT(open_wrap_payload(binding(), damaged), IsError(ErrorCode::Corrupt)) << at;
  }
}

TEST(KeyCheck, TellsEveryOtherKeyApart) {
  auto check = key_check(data_key());
  EXPECT_EQ(check.size(), 32U);
  EXPECT_EQ(check, key_check(data_key()));
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Bytes material(32, 0x55);
    material[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    auto other = DataKey::create(binding().data_key_id, crypto::SecretBytes(material)).value();
    EXPECT_NE(key_check(other), check) << bit;
  }
  auto elsewhere = binding().data_key_id;
  elsewhere[0] ^= 1;
  EXPECT_NE(key_check(DataKey::create(elsewhere, crypto::SecretBytes(Bytes(32, 0x55))).value()), check);
}

TEST(DataKeys, HaveThirtyTwoBytes) {
  for (std::size_t size : {0U, 16U, 31U, 33U}) {
    EXPECT_THAT(DataKey::create({}, crypto::SecretBytes(size)), IsError(ErrorCode::Invalid)) << size;
  }
}

}  // namespace
}  // namespace latchkey::envelope
