import ArgumentParser
import MartletTCP

/// What `connect --iperf3` measures.
struct MeasurementOptions: ParsableArguments {
  @Flag(name: [.customShort("R"), .long], help: "The server sends, we receive.")
  var reverse = false

  @Option(name: .shortAndLong, help: ArgumentHelp("How long (default: 10).", valueName: "seconds"))
  var time: UInt16?

  @Option(
    name: [.customShort("P"), .long],
    help: ArgumentHelp("Streams at the same time (default: 1).", valueName: "count"))
  var parallel: Int?

  @Option(
    name: [.customShort("n"), .long],
    help: ArgumentHelp("End after so many octets, not after a time.", valueName: "octets"))
  var bytes: UInt64?

  func validate() throws {
    if time != nil, bytes != nil { throw ValidationError("--time and --bytes: only one can end the test.") }
    if time == 0 {
      throw ValidationError("Nothing can be measured in no time. Give a --time of a second or more.")
    }
    if let parallel, !(1...Iperf3Parameters.parallelLimit).contains(parallel) {
      throw ValidationError("--parallel is from 1 to \(Iperf3Parameters.parallelLimit).")
    }
    if bytes == 0 { throw ValidationError("--bytes is at least 1.") }
  }

  var isGiven: Bool { reverse || time != nil || parallel != nil || bytes != nil }

  var parameters: Iperf3Parameters {
    var parameters = Iperf3Parameters()
    parameters.isReverse = reverse
    parameters.parallel = parallel ?? 1
    parameters.time = .seconds(bytes == nil ? Int64(time ?? 10) : 0)
    parameters.octets = bytes ?? 0
    return parameters
  }
}
