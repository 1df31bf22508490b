#include "kms/local/local_key_provider.hpp"

#include <filesystem>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "crypto/random.hpp"
#include "kms/providers.hpp"
#include "kms/reasons.hpp"
#include "kms/testing/key_provider_contract.hpp"
#include "testing/memory_cloud.hpp"
#include "testing/refused_system_call.hpp"

namespace latchkey::kms::testing {
namespace {

using ::testing::HasSubstr;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = ::testing::TempDir() + "latchkey-local-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class LocalContract final : public ContractHarness {
 public:
  LocalContract() : provider_(open_local_key_provider(folder_.file("root.key"), random_).value()) {}
  KeyProvider& provider() override { return *provider_; }
  boost::asio::io_context& context() override { return context_; }
  [[nodiscard]] Deadline soon() const override { return Deadline::max(); }
  [[nodiscard]] Deadline past() const override { return Deadline::min(); }
  [[nodiscard]] KeyLocation location() const override { return KeyLocation{}; }
  [[nodiscard]] KeyLocation foreign_location() const override { return memory_location("v", "k"); }
  [[nodiscard]] std::string unknown_version() const override { return "local:0123456789abcdef"; }

 private:
  TemporaryFolder folder_;
  crypto::SystemRandom random_;
  boost::asio::io_context context_;
  std::shared_ptr<KeyProvider> provider_;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Local, KeyProviderContract,
                         ::testing::Values(ContractParameter{"Local",
                                                             [] { return std::make_unique<LocalContract>(); }}),
                         contract_name);

namespace {

class LocalKeyProviderTest : public ::testing::Test {
 protected:
  Result<WrappedKey> wrap(KeyProvider& provider) {
    crypto::SecretBytes secret(65);
    return run_task(context, provider.wrap(KeyLocation{}, Binding{}, secret, {}));
  }
  Result<UnwrappedKey> unwrap(KeyProvider& provider, const WrappedKey& wrapped) {
    return run_task(context, provider.unwrap(KeyLocation{}, Binding{}, wrapped, {}));
  }

  TemporaryFolder folder;
  std::string path = folder.file("root.key");
  crypto::SystemRandom random;
  boost::asio::io_context context;
};

TEST_F(LocalKeyProviderTest, MakesAPrivateFileOfThirtyTwoBytes) {
  ASSERT_TRUE(open_local_key_provider(path, random));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(status.st_size, 32);
  EXPECT_NE(read_file(path, 64).value(), std::string(32, '\0'));
  auto entries = std::filesystem::directory_iterator(folder.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(LocalKeyProviderTest, IsMadeWhereTheFileSystemHasNoHardLinks) {
  ASSERT_EQ(latchkey::testing::run_refusing({{SYS_link, EPERM}, {SYS_linkat, EPERM}},
                                            [&] { return open_local_key_provider(path, random).has_value(); }),
            0);
  EXPECT_EQ(read_file(path, 64).value().size(), 32U);
  EXPECT_TRUE(open_local_key_provider(path, random));
  auto entries = std::filesystem::directory_iterator(folder.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(LocalKeyProviderTest, AnotherStartReadsTheSameKey) {
  auto first = open_local_key_provider(path, random).value();
  auto wrapped = wrap(*first);
  ASSERT_TRUE(wrapped);
  auto second = open_local_key_provider(path, random).value();
  EXPECT_TRUE(unwrap(*second, wrapped.value()));
}

TEST_F(LocalKeyProviderTest, AnotherFilesKeyIsToldApartFromDamage) {
  auto wrapped = wrap(*open_local_key_provider(path, random).value());
  ASSERT_TRUE(wrapped);
  auto other = open_local_key_provider(folder.file("other.key"), random).value();
  auto unwrapped = unwrap(*other, wrapped.value());
  ASSERT_FALSE(unwrapped);
  EXPECT_EQ(unwrapped.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(unwrapped.error().reason, reason::kRootKeyMismatch);
  EXPECT_THAT(unwrapped.error().message(), HasSubstr("Restore the root key file"));
}

TEST_F(LocalKeyProviderTest, RefusesAFileThatOthersMayRead) {
  ASSERT_TRUE(open_local_key_provider(path, random));
  for (mode_t mode : {0640U, 0604U, 0620U, 0601U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    auto opened = open_local_key_provider(path, random);
    ASSERT_FALSE(opened) << std::oct << mode;
    EXPECT_EQ(opened.error().code, ErrorCode::Invalid);
    EXPECT_THAT(opened.error().message(), HasSubstr("chmod 600 " + path));
  }
}

TEST_F(LocalKeyProviderTest, RefusesAFileOfAnotherSizeAndLeavesIt) {
  for (std::size_t size : {0U, 31U, 33U}) {
    ASSERT_TRUE(write_file_durably(path, std::string(size, 'k'), 0600));
    auto opened = open_local_key_provider(path, random);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::Invalid);
    EXPECT_THAT(opened.error().message(), HasSubstr("backup"));
    EXPECT_EQ(read_file(path, 64).value(), std::string(size, 'k'));
  }
}

TEST_F(LocalKeyProviderTest, RefusesWhatIsNoFile) {
  auto opened = open_local_key_provider(folder.path(), random);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Invalid);
}

TEST_F(LocalKeyProviderTest, AFolderThatIsNotThereIsUnavailable) {
  auto opened = open_local_key_provider(folder.file("none/root.key"), random);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Unavailable);
}

TEST_F(LocalKeyProviderTest, TwoStartsAtOnceEndWithOneKey) {
  std::vector<std::shared_ptr<KeyProvider>> providers(8);
  {
    std::vector<std::jthread> threads;
    for (auto& provider : providers) {
      threads.emplace_back([this, &provider] { provider = open_local_key_provider(path, random).value(); });
    }
  }
  auto wrapped = wrap(*providers.front());
  ASSERT_TRUE(wrapped);
  for (auto& provider : providers) EXPECT_TRUE(unwrap(*provider, wrapped.value()));
}

TEST(ProvidersTest, WithoutAProviderTheLocationIsInvalid) {
  Providers none(nullptr, {});
  boost::asio::io_context context;
  for (const KeyLocation& key : {KeyLocation{}, memory_location("v", "k")}) {
    auto described = run_task(context, none.describe(key, {}));
    ASSERT_FALSE(described);
    EXPECT_EQ(described.error().code, ErrorCode::Invalid);
  }
}

}  // namespace
}  // namespace latchkey::kms::testing
