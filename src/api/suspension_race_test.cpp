// A suspension that comes while requests are under way: from its answer on nothing is served, and no unwrap begins.
#include <gmock/gmock.h>

#include "api/testing/api_world.hpp"

namespace latchkey::api {
namespace {

using testing::Answer;
using testing::ApiWorld;

class SuspensionRaceTest : public ::testing::Test {
 protected:
  struct Door {
    std::string name;
    std::string path;
    std::string body;
  };
  enum class Start { Cold, Warm };

  SuspensionRaceTest() {
    workspace = world.make_locked_workspace();
    key = *workspace.external_key_id;
    auto sealed = world.call("POST", path_of("/encrypt"), world.service_key, R"({"plaintext":"aGVsbG8="})");
    auto item = R"({"ciphertext":")" + sealed.text("/ciphertext") + R"("})";
    doors = {{"encrypt", path_of("/encrypt"), R"({"plaintext":"aGVsbG8="})"},
             {"decrypt", path_of("/decrypt"), item},
             {"encrypt_batch", path_of("/encrypt_batch"), R"({"items":[{"plaintext":"aGVsbG8="}]})"},
             {"decrypt_batch", path_of("/decrypt_batch"), R"({"items":[)" + item + "," + item + "]}"},
             {"lease", path_of("/data_keys"), ""},
             {"lease again", path_of("/data_keys/" + sealed.text("/data_key_id") + "/unwrap"), ""}};
  }

  [[nodiscard]] std::string path_of(std::string_view tail) const {
    return "/v1/workspaces/" + workspace.id + std::string(tail);
  }
  [[nodiscard]] Door first_encryption() {
    auto fresh = world.make_workspace("Fresh");
    EXPECT_TRUE(world.attach(fresh.id, key));
    return {"first encrypt", "/v1/workspaces/" + fresh.id + "/encrypt", R"({"plaintext":"aGVsbG8="})"};
  }

  Task<void> ask(http::Request request, std::optional<Answer>& answer) {
    answer = ApiWorld::read(co_await world.service.handle(std::move(request)));
    if (on_answer) on_answer();
  }
  void begin(http::Request request, std::optional<Answer>& answer) {
    boost::asio::co_spawn(world.context, ask(std::move(request), answer), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  void begin_suspension() {
    suspending = true;
    begin(ApiWorld::request("POST", "/v1/organizations/external_keys/" + key + "/suspend", world.admin_key), suspended);
  }

  static void expect_not_served(const Door& door, const Answer& served) {
    // A batch of decryptions tells of each item in its place.
    EXPECT_EQ(served.status, door.name == "decrypt_batch" ? 200U : 400U) << served.body;
    EXPECT_THAT(served.body, ::testing::HasSubstr("\"suspended\""));
    EXPECT_THAT(served.body, ::testing::Not(::testing::HasSubstr("aGVsbG8=")));
    EXPECT_THAT(served.body, ::testing::Not(::testing::HasSubstr("\"plaintext_key\"")));
    EXPECT_THAT(served.body, ::testing::Not(::testing::HasSubstr("\"ciphertext\"")));
  }

  // Each operation of the key takes a few turns, and one that a suspension overtakes lasts until that is answered.
  Task<void> linger() {
    world.provider.interruption = [this] { return linger(); };
    auto executor = co_await boost::asio::this_coro::executor;
    for (int i = 0; i < 3 || (suspending && !suspended); ++i) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
  }

  // Suspends after so many turns of the loop, and says whether the request was still under way then.
  bool play(const Door& door, Start start, int turns) {
    SCOPED_TRACE(door.name + ", suspended after turn " + std::to_string(turns));
    world.settle();
    if (start == Start::Cold) world.keyring.evict(key);
    std::optional<Answer> served;
    std::optional<int> asked;
    bool served_first = false;
    suspending = false;
    suspended.reset();
    world.provider.interruption = [this] { return linger(); };
    on_answer = [&] {
      if (served && !suspended) served_first = true;
      if (suspended && !asked) asked = world.provider.wraps + world.provider.unwraps;
    };
    world.context.restart();
    auto busy = boost::asio::make_work_guard(world.context);
    begin(ApiWorld::request("POST", door.path, world.service_key, door.body), served);
    for (int i = 0; i < turns && !served; ++i) world.context.run_one();
    bool under_way = !served;
    begin_suspension();
    while (!served || !suspended) world.context.run_one();
    busy.reset();
    world.settle();
    EXPECT_EQ(suspended->status, 200U) << suspended->body;
    EXPECT_EQ(world.provider.wraps + world.provider.unwraps, *asked) << "the key was asked after the suspension";
    if (!served_first) expect_not_served(door, *served);
    on_answer = nullptr;
    world.provider.interruption = nullptr;
    EXPECT_EQ(world.post("/v1/organizations/external_keys/" + key + "/resume").status, 200U);
    return under_way;
  }

  ApiWorld world;
  store::Workspace workspace;
  std::string key;
  std::vector<Door> doors;
  bool suspending = false;
  std::optional<Answer> suspended;
  std::function<void()> on_answer;
};

TEST_F(SuspensionRaceTest, NothingIsServedAfterItWhereverTheRequestWas) {
  for (auto start : {Start::Cold, Start::Warm}) {
    for (const auto& door : doors) {
      for (int turns = 0; play(door, start, turns) && turns < 200; ++turns) continue;
    }
  }
}

TEST_F(SuspensionRaceTest, NoFirstDataKeyIsMadeAfterItWhereverTheRequestWas) {
  for (int turns = 0; play(first_encryption(), Start::Cold, turns) && turns < 200; ++turns) continue;
}

// The key's answer is held back until the suspension is answered.
TEST_F(SuspensionRaceTest, AnAnswerOfTheKeyThatWasHeldBackServesNobody) {
  doors.push_back(first_encryption());
  for (const auto& door : doors) {
    SCOPED_TRACE(door.name);
    world.settle();
    world.keyring.evict(key);
    suspended.reset();
    int asked = 0;
    std::function<Task<void>()> hold_back = [&]() -> Task<void> {
      auto executor = co_await boost::asio::this_coro::executor;
      begin_suspension();
      while (!suspended) co_await boost::asio::post(executor, boost::asio::use_awaitable);
      asked = world.provider.wraps + world.provider.unwraps;
    };
    world.provider.interruption = [&] { return hold_back(); };
    auto served = world.call("POST", door.path, world.service_key, door.body);
    world.settle();
    ASSERT_TRUE(suspended) << "it never asked the key";
    EXPECT_EQ(world.provider.wraps + world.provider.unwraps, asked) << "the key was asked after the suspension";
    expect_not_served(door, served);
    EXPECT_EQ(world.post("/v1/organizations/external_keys/" + key + "/resume").status, 200U);
  }
}

}  // namespace
}  // namespace latchkey::api
