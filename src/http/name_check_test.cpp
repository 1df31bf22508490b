#include "http/name_check.hpp"

#include <atomic>
#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

Deadline later() {
  return std::chrono::steady_clock::now() + std::chrono::minutes(1);
}

TEST(NameCheck, ReportsWhatTheResolverSays) {
  NameCheck names([](const std::string& host) { return host == "unknown.example"; });
  for (const auto& [host, expected] :
       std::initializer_list<std::pair<std::string, bool>>{{"unknown.example", true}, {"silent.example", false}}) {
    std::promise<bool> answered;
    ASSERT_TRUE(names.ask(host, later(), [&](bool unknown) { answered.set_value(unknown); }));
    EXPECT_EQ(answered.get_future().get(), expected) << host;
  }
}

TEST(NameCheck, ManyQuestionsAreEachAnsweredOnce) {
  constexpr int kQuestions = 500;
  std::atomic<int> results{0};
  std::promise<void> all;
  NameCheck names([](const std::string&) { return true; });
  for (int i = 0; i < kQuestions; ++i) {
    ASSERT_TRUE(names.ask("x", later(), [&](bool) {
      if (++results == kQuestions) all.set_value();
    }));
  }
  all.get_future().get();
  EXPECT_EQ(results, kQuestions);
}

TEST(NameCheck, WhoseTimeIsOverIsNotAskedAbout) {
  std::atomic<int> asked{0};
  NameCheck names([&](const std::string&) { return ++asked > 0; });
  ASSERT_TRUE(
      names.ask("late.example", std::chrono::steady_clock::now() - std::chrono::seconds(1), [](bool) { FAIL(); }));
  std::promise<void> answered;
  ASSERT_TRUE(names.ask("x", later(), [&](bool) { answered.set_value(); }));
  answered.get_future().get();
  EXPECT_EQ(asked, 1);
}

TEST(NameCheck, GoingAwayWaitsForNoLookupAndDropsItsResult) {
  std::promise<void> begun;
  // The lookup shares it, because it may outlive the test's frame.
  auto release = std::make_shared<std::promise<void>>();
  auto released = std::make_shared<std::shared_future<void>>(release->get_future());
  auto answered = std::make_shared<std::atomic<bool>>(false);
  auto ended = std::make_shared<std::promise<void>>();
  auto names = std::make_unique<NameCheck>([&begun, released, ended](const std::string&) {
    begun.set_value();
    released->wait();
    ended->set_value();
    return true;
  });
  ASSERT_TRUE(names->ask("slow.example", later(), [answered](bool) { *answered = true; }));
  begun.get_future().get();
  names.reset();
  release->set_value();
  ended->get_future().get();
  EXPECT_FALSE(*answered);
}

TEST(NameCheck, TheSystemKnowsLocalhost) {
  EXPECT_FALSE(NameCheck::ask_system("localhost"));
  EXPECT_FALSE(NameCheck::ask_system("127.0.0.1"));
}

}  // namespace
}  // namespace latchkey::http
