import MartletSimulator
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

extension CellRun {
  /// Prints what the first connection does in so many steps of the cell's time: for whoever wonders about
  /// a figure.
  mutating func trace(steps: Int64) throws {
    print("#     time   kbit/s     cwnd ssthresh  unacked  srtt us  rto ms  resent  dropped RTOs")
    try open()
    let step = TimeAmount(nanoseconds: duration.nanoseconds / steps)
    var before = tally()
    for _ in 0..<steps {
      world.run(for: step)
      let after = tally()
      printStatus(after, Result(before, after, seconds: Double(step.nanoseconds) / 1_000_000_000))
      before = after
    }
  }

  /// Prints what Jain's index would be over the second half of cells of an eighth of so many seconds, of a quarter
  /// of them, and so on: for whoever wonders whether the flows come to terms or only need longer.
  mutating func printFairness(seconds: Int64) throws {
    print("# seconds\tJain\tshares of the flows, per cent")
    try open()
    var tallies = [tally()]
    for step in 1...Int64(16) {
      world.run(until: Self.begin.advanced(by: .milliseconds(1_000 * seconds * step / 16)))
      tallies.append(tally())
      guard step == 2 || step % 4 == 0 else { continue }
      let result = Result(tallies[Int(step / 2)], tallies[Int(step)], seconds: 1)
      let shares = result.shares.map { String(Int(100 * $0 + 0.5)) }.joined(separator: " ")
      print("\(seconds * step / 16)\t\(Double(Int(1_000 * result.fairness + 0.5)) / 1_000)\t\(shares)")
    }
  }

  /// Prints what the sender's flight recorder wrote between two times of the cell, in milliseconds.
  mutating func printRecords(from first: Int64, to last: Int64) throws {
    try open()
    world.run(until: Self.begin.advanced(by: .milliseconds(first)))
    var next = world[sender].stack.recordsWritten
    while world.violation == nil, let time = world.nextTime,
      time <= Self.begin.advanced(by: .milliseconds(last))
    {
      world.step()
      while next < world[sender].stack.recordsWritten {
        if let record = world[sender].stack.record(next) { printRecord(record) }
        next += 1
      }
    }
  }

  /// Prints each packet sent between two times of the cell, in milliseconds, and what became of it.
  mutating func printPackets(from first: Int64, to last: Int64) throws {
    try open()
    world.run(until: Self.begin.advanced(by: .milliseconds(first)))
    world.tap = { observation in
      let time = observation.packet.time.since(Self.begin).nanoseconds / 1_000
      let text = packetText(observation.packet.octets.span.bytes)
      let delay = observation.arrival.map { $0.since(observation.packet.time).nanoseconds / 1_000 }
      print("\(time) us: \(text) \(delay.map { "arrives after \($0) us" } ?? "\(observation.fate)")")
    }
    world.run(until: Self.begin.advanced(by: .milliseconds(last)))
  }

  private func printRecord(_ record: FlightRecorder.Record) {
    let microseconds = record.time.since(Self.begin).nanoseconds / 1_000
    print("\(microseconds) us, flow \(record.flow): \(record.rule) \(describe(record))")
  }

  private func printStatus(_ tally: Tally, _ result: Result) {
    guard let id = world[sender].applications.first?.connection,
      let tcp = try? world[sender].stack.status(id, now: world.now).tcp
    else { return print("the connection has ended") }
    let phase = tcp.inRecovery ? " recovery" : tcp.inTimeoutRecovery ? " timeout" : ""
    let columns = [
      String(world.now.since(Self.begin).nanoseconds / 1_000_000), String(Int(result.goodput / 125)),
      String(tcp.sndCwnd), tcp.sndSsthresh == .max ? "-" : String(tcp.sndSsthresh), String(tcp.unacked),
      String(tcp.rtt), String(tcp.rto), String(tally.resent),
      String(world.counts(LinkID(index: 0)).forth.overflowed), String(tally.timeouts),
    ]
    let widths = [10, 9, 9, 9, 9, 9, 8, 8, 9, 5]
    print(
      zip(columns, widths).map { String(repeating: " ", count: max($1 - $0.count, 1)) + $0 }.joined() + phase)
  }
}
