import ArgumentParser
import Martlet
import MartletTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Showing something again and again.
struct WatchOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Show it again every so many seconds, until interrupted.", valueName: "seconds"))
  var watch: Double?

  func validate() throws {
    if let watch, !(0.05...86_400).contains(watch) {
      throw ValidationError("\(watch) is no time to wait. Choose 0.05 to 86400 seconds.")
    }
  }

  /// Calls `body` once, or until the command is interrupted, with the number of the call.
  func run(_ body: (Int) throws -> Void) throws {
    guard let watch else { return try body(0) }
    Interruption.watch()
    var number = 0
    while !Interruption.hasCome {
      if number > 0, OutputStream.output.isTerminal { OutputStream.output.write("\u{1b}[H\u{1b}[2J") }
      try body(number)
      number += 1
      pause(.nanoseconds(Int64(watch * 1_000_000_000)))
    }
  }

  private func pause(_ time: TimeAmount) {
    var time = timespec(
      tv_sec: Int(time.nanoseconds / 1_000_000_000), tv_nsec: Int(time.nanoseconds % 1_000_000_000))
    // A signal cuts it short.
    nanosleep(&time, nil)
  }
}

/// Ends a command with what the other end had to say.
func askingPolitely(_ body: () throws -> Void) throws {
  try reportingFailures {
    do {
      try body()
    } catch let refusal as ControlClient.Refusal {
      OutputStream.error.write("Error: \(refusal.message)\n")
      throw ExitStatus.failed
    }
  }
}
