#include "webhooks/signature.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace latchkey::webhooks {
namespace {

// The known answer from the tests of Standard Webhooks' reference libraries (MIT licence):
// https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries
TEST(SignatureTest, KnownAnswer) {
  crypto::SecretBytes secret(base64_decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").value());
  EXPECT_EQ(sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_EQ(format_secret(secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}

TEST(SignatureTest, EveryPartCounts) {
  crypto::SecretBytes secret(Bytes(kSecretSize, 1));
  crypto::SecretBytes other(Bytes(kSecretSize, 2));
  auto signature = sign(secret, "evt_1", 10, "{}");
  EXPECT_EQ(signature, sign(secret, "evt_1", 10, "{}"));
  EXPECT_NE(signature, sign(other, "evt_1", 10, "{}"));
  EXPECT_NE(signature, sign(secret, "evt_2", 10, "{}"));
  EXPECT_NE(signature, sign(secret, "evt_1", 11, "{}"));
  EXPECT_NE(signature, sign(secret, "evt_1", 10, "{ }"));
}

}  // namespace
}  // namespace latchkey::webhooks
