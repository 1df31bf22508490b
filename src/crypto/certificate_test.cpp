#include "crypto/certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/encoding.hpp"
#include "crypto/openssl_handles.hpp"
#include "crypto/random.hpp"
#include "testing/matchers.hpp"

namespace latchkey::crypto {
namespace {

using latchkey::testing::IsError;

using X509StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using X509ContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

X509Ptr parse(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

class CertificateTest : public ::testing::Test {
 protected:
  static CertificateRequest request(std::string name) {
    CertificateRequest wanted;
    wanted.common_name = std::move(name);
    wanted.dns_names = {"login.example", "*.vault.example"};
    wanted.ip_addresses = {"127.0.0.1"};
    wanted.not_before = SystemClock().now() - std::chrono::hours(1);
    wanted.not_after = SystemClock().now() + std::chrono::hours(24);
    return wanted;
  }
  // Returns OpenSSL's reason, or "" where the chain verifies for a server of that name.
  static std::string refusal(const std::string& ca, const std::string& leaf, const char* host) {
    auto root = parse(ca);
    auto certificate = parse(leaf);
    X509StorePtr store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), root.get());
    X509ContextPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
    X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(context.get()) != 1) {
      return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
    }
    bool named = X509_check_host(certificate.get(), host, 0, 0, nullptr) == 1 ||
                 X509_check_ip_asc(certificate.get(), host, 0) == 1;
    return named ? "" : "another name";
  }
  SystemRandom random_;
};

TEST_F(CertificateTest, AServerCertificateVerifiesUnderItsCaForItsNames) {
  auto ca_key = RsaKey::generate(2048).value();
  auto key = RsaKey::generate(2048).value();
  auto ca = make_ca_certificate(ca_key, request("Test CA"), random_).value();
  auto leaf = make_server_certificate(ca_key, ca, key, request("server"), random_).value();
  for (const char* host : {"login.example", "contoso.vault.example", "127.0.0.1"})
    EXPECT_EQ(refusal(ca, leaf, host), "");
  for (const char* host : {"example", "a.b.vault.example", "vault.example", "127.0.0.2"}) {
    EXPECT_EQ(refusal(ca, leaf, host), "another name") << host;
  }
  auto stranger_key = RsaKey::generate(2048).value();
  auto stranger = make_ca_certificate(stranger_key, request("Test CA"), random_).value();
  EXPECT_NE(refusal(stranger, leaf, "login.example"), "");
}

TEST_F(CertificateTest, ReadsBackWhatItMade) {
  auto key = RsaKey::generate(2048).value();
  auto wanted = request("app");
  auto pem = make_self_signed_certificate(key, wanted, random_).value();
  auto info = read_certificate(pem);
  ASSERT_TRUE(info);
  EXPECT_EQ(info.value().public_key.modulus(), key.modulus());
  EXPECT_EQ(info.value().not_after, std::chrono::floor<std::chrono::seconds>(wanted.not_after));
  unsigned char* der = nullptr;
  auto certificate = parse(pem);
  int size = i2d_X509(certificate.get(), &der);
  ByteView bytes(der, static_cast<std::size_t>(size));
  EXPECT_EQ(info.value().sha256_thumbprint, sha256(bytes));
  EXPECT_EQ(info.value().sha1_thumbprint, sha1(bytes));
  OPENSSL_free(der);
  EXPECT_NE(make_self_signed_certificate(key, wanted, random_).value(), pem) << "serial numbers repeat";
}

TEST_F(CertificateTest, RefusesWhatIsNone) {
  for (const auto& bad : {std::string(), std::string("nonsense"), RsaKey::generate(2048).value().public_pem()}) {
    EXPECT_THAT(read_certificate(bad), IsError(ErrorCode::Invalid));
  }
}

}  // namespace
}  // namespace latchkey::crypto
