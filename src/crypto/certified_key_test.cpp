#include "crypto/certified_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "crypto/openssl_handles.hpp"

namespace latchkey::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr long kDay = 24 * 3600;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

PkeyPtr rsa_key() {
  return PkeyPtr(EVP_RSA_gen(2048));
}
PkeyPtr ec_key() {
  return PkeyPtr(EVP_EC_gen("P-256"));
}

std::string pem(EVP_PKEY* key, const EVP_CIPHER* cipher = nullptr) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  char passphrase[] = "secret";
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, cipher, cipher == nullptr ? nullptr : passphrase,
                                cipher == nullptr ? 0 : 6, nullptr, nullptr);
  return text_of(bio.get());
}

// Writes the older PEM form, which marks a passphrase by a header.
std::string traditional_pem(EVP_PKEY* key, const EVP_CIPHER* cipher = nullptr) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  unsigned char passphrase[] = "secret";
  PEM_write_bio_PrivateKey_traditional(bio.get(), key, cipher, passphrase, 6, nullptr, nullptr);
  return text_of(bio.get());
}

struct Issued {
  X509Ptr certificate;
  std::string pem;
};

// Issues a certificate for `key` and `name`, signed by `issuer_key` in the name of `issuer`.
Issued issue(const std::string& name, EVP_PKEY* key, const std::string& issuer, EVP_PKEY* issuer_key,
             long until = kDay) {
  X509Ptr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), until);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
  X509_set_pubkey(made.get(), key);
  auto set_name = [](X509_NAME* field, const std::string& text) {
    X509_NAME_add_entry_by_txt(field, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1,
                               0);
  };
  set_name(X509_get_subject_name(made.get()), name);
  set_name(X509_get_issuer_name(made.get()), issuer);
  X509_sign(made.get(), issuer_key, EVP_sha256());
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), made.get());
  auto text = text_of(bio.get());
  return {std::move(made), std::move(text)};
}

struct CertifiedKeyTest : ::testing::Test {
  static void SetUpTestSuite() {
    root_key = rsa_key();
    middle_key = rsa_key();
    key = rsa_key();
    root = issue("root", root_key.get(), "root", root_key.get()).pem;
    middle = issue("middle", middle_key.get(), "root", root_key.get()).pem;
    leaf = issue("leaf", key.get(), "middle", middle_key.get()).pem;
  }
  static void TearDownTestSuite() {
    root_key.reset();
    middle_key.reset();
    key.reset();
  }

  static Result<CertifiedKey> read(const std::string& certificates, const std::string& secret,
                                   KeyKind kind = KeyKind::Any) {
    return read_certified_key({"a.certificate_file (c.pem)", certificates}, {"a.private_key_file (k.pem)", secret},
                              kind);
  }
  static std::string refusal(const std::string& certificates, const std::string& secret, KeyKind kind = KeyKind::Any) {
    auto pair = read(certificates, secret, kind);
    if (pair) return "";
    EXPECT_EQ(pair.error().code, ErrorCode::Invalid);
    return pair.error().message();
  }

  static inline PkeyPtr root_key, middle_key, key;
  static inline std::string root, middle, leaf;
};

TEST_F(CertifiedKeyTest, TheLeafIsFoundByTheKeyWhateverTheOrder) {
  std::vector<std::string> parts{leaf, middle, root, pem(key.get())};
  std::sort(parts.begin(), parts.end());
  do {
    std::string bundle = parts[0] + parts[1] + parts[2] + parts[3];
    auto pair = read(bundle, bundle);
    ASSERT_TRUE(pair) << pair.error().message();
    EXPECT_EQ(pair.value().certificate_pem, leaf);
    EXPECT_EQ(pair.value().chain_pem, leaf + middle + root);
    EXPECT_EQ(as_text(pair.value().private_key_pem.reveal()), pem(key.get()));
  } while (std::next_permutation(parts.begin(), parts.end()));
}

TEST_F(CertifiedKeyTest, TextBetweenTheBlocksAndLineEndsOfWindowsDoNoHarm) {
  auto in_windows = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.replace(at, 1, "\r\n");
    return text;
  };
  auto wordy =
      "Bag Attributes\n    friendlyName: app\nsubject=CN = middle\n" + middle + "\n\nsubject=CN = leaf\n" + leaf;
  for (const auto& certificates : {wordy, in_windows(wordy), "\xef\xbb\xbf" + middle + leaf}) {
    auto pair = read(certificates, in_windows("Key Attributes: <No Attributes>\n" + pem(key.get())));
    ASSERT_TRUE(pair) << pair.error().message();
    EXPECT_EQ(pair.value().chain_pem, leaf + middle);
  }
}

TEST_F(CertifiedKeyTest, OlderFormsOfKeysAndOtherCurvesAreTaken) {
  EXPECT_TRUE(read(leaf, traditional_pem(key.get())));
  auto curve = ec_key();
  auto of_curve = issue("leaf", curve.get(), "middle", middle_key.get()).pem;
  EXPECT_TRUE(read(of_curve, pem(curve.get())));
  EXPECT_TRUE(read(of_curve, traditional_pem(curve.get())));
}

TEST_F(CertifiedKeyTest, OfSeveralOfOneKeyTheLongestIsTaken) {
  auto renewed = issue("leaf", key.get(), "middle", middle_key.get(), 10 * kDay).pem;
  auto expired = issue("leaf", key.get(), "middle", middle_key.get(), -1).pem;
  for (const auto& bundle : {expired + renewed + leaf, renewed + expired + leaf, leaf + renewed + expired}) {
    auto pair = read(bundle + middle, pem(key.get()));
    ASSERT_TRUE(pair);
    EXPECT_EQ(pair.value().certificate_pem, renewed);
    EXPECT_EQ(pair.value().chain_pem, renewed + middle) << "nothing else of the key";
  }
}

TEST_F(CertifiedKeyTest, OfSeveralKeysTheCertificatesIsTaken) {
  auto pair = read(leaf, pem(root_key.get()) + pem(key.get()));
  ASSERT_TRUE(pair);
  EXPECT_EQ(as_text(pair.value().private_key_pem.reveal()), pem(key.get()));
}

TEST_F(CertifiedKeyTest, APairThatIsNoneIsRefusedWithBothNames) {
  for (const auto& certificates : {root, root + middle}) {
    auto why = refusal(certificates, pem(key.get()));
    EXPECT_THAT(why, HasSubstr("the private key of a.private_key_file (k.pem) is not the key of")) << why;
    EXPECT_THAT(why, HasSubstr("a.certificate_file (c.pem)"));
  }
}

TEST_F(CertifiedKeyTest, WhatIsMissingIsNamed) {
  for (const std::string& nothing : {std::string(), std::string("no PEM"), std::string(1, '\0')}) {
    EXPECT_THAT(refusal(nothing, pem(key.get())),
                StartsWith("a.certificate_file (c.pem) holds no certificate in PEM (BEGIN CERTIFICATE)"));
    EXPECT_THAT(refusal(leaf, nothing), StartsWith("a.private_key_file (k.pem) holds no private key in PEM"));
  }
  EXPECT_THAT(refusal(pem(key.get()), leaf), HasSubstr("are the two files exchanged?"));
  EXPECT_THAT(refusal(leaf, leaf), HasSubstr("a.private_key_file (k.pem) holds no private key"));
}

TEST_F(CertifiedKeyTest, AKeyWithAPassphraseIsRefusedWithTheCure) {
  for (const auto& encrypted : {pem(key.get(), EVP_aes_256_cbc()), traditional_pem(key.get(), EVP_aes_256_cbc()),
                                pem(key.get(), EVP_aes_256_cbc()) + pem(root_key.get())}) {
    auto why = refusal(leaf, encrypted);
    EXPECT_THAT(why, StartsWith("a.private_key_file (k.pem): the private key has a passphrase"));
    EXPECT_THAT(why, HasSubstr("openssl pkey -in"));
  }
  EXPECT_TRUE(read(leaf, pem(root_key.get(), EVP_aes_256_cbc()) + pem(key.get()))) << "another key's does no harm";
}

TEST_F(CertifiedKeyTest, EntraTakesRsaAlone) {
  auto curve = ec_key();
  auto of_curve = issue("leaf", curve.get(), "middle", middle_key.get()).pem;
  EXPECT_THAT(refusal(of_curve, pem(curve.get()), KeyKind::Rsa), HasSubstr("the private key is EC and not RSA"));
  EXPECT_EQ(refusal(leaf, pem(key.get()), KeyKind::Rsa), "");
}

TEST_F(CertifiedKeyTest, WhatIsDamagedOrBinaryIsToldSo) {
  EXPECT_THAT(refusal(leaf + middle.substr(0, middle.size() - 40), pem(key.get())), HasSubstr("damaged or cut off"));
  auto bent = leaf;
  bent[bent.size() / 2] = '*';
  EXPECT_THAT(refusal(bent, pem(key.get())), HasSubstr("a.certificate_file (c.pem)"));
  EXPECT_THAT(refusal("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem(key.get())),
              HasSubstr("a certificate in it cannot be read"));
  EXPECT_THAT(refusal("\x30\x82\x01", pem(key.get())), HasSubstr("openssl pkcs12"));
}

TEST_F(CertifiedKeyTest, NoMessageHoldsTheKey) {
  auto secret = pem(key.get());
  auto line = secret.substr(60, 40);
  for (const auto& why : {refusal(root, secret), refusal(secret, secret), refusal("", secret),
                          refusal(leaf, secret.substr(0, secret.size() / 2))}) {
    EXPECT_THAT(why, Not(HasSubstr(line)));
  }
}

}  // namespace
}  // namespace latchkey::crypto
