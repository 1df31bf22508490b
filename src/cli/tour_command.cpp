#include "cli/command.hpp"
#include "dev/paths.hpp"
#include "dev/tour.hpp"

namespace latchkey::cli {

void add_tour_command(CLI::App& app, Chosen& chosen, dev::MakeDevCustomer make_customer) {
  auto options = std::make_shared<dev::TourOptions>();
  options->data_dir = dev::default_dev_dir();
  auto* command = add_command(app, "tour", "Walk the main job against a running `latchkey dev`, call by call",
                              {"latchkey tour", "latchkey tour report.pdf --data-dir /tmp/lk"});
  command->add_option("FILE", options->file, "The file to encrypt and decrypt (default: the tour makes one)");
  command->add_option("--data-dir", options->data_dir, "The folder of that `latchkey dev`")->capture_default_str();
  command->callback([&chosen, options, make_customer = std::move(make_customer)] {
    chosen.action = [options, make_customer] {
      auto done = dev::take_tour(*options, make_customer);
      return done ? ExitCode::Ok : report_error(done.error(), OutputFormat::Text);
    };
  });
}

}  // namespace latchkey::cli
