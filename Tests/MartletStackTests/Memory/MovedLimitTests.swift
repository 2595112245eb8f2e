import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Limits that move")
struct MovedLimitTests {
  @Test("S3.2 The half-open limit of the stack and of a listener hold from the next SYN on", .bothFamilies)
  func halfOpen() throws {
    let host = try Host(1) { $0.resetsPerSecond = 0 }
    var options = ListenerOptions()
    options.synCookies = .off
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    func flood(_ numbers: Range<Int>) {
      for n in numbers { host.inject(RawPeer(n, to: host.endpoint(80)).segment(.syn)) }
      _ = host.pull()
    }
    flood(0..<20)
    #expect(host.stack.held.halfOpen == 20)
    try host.stack.setLimits(of: listener, halfOpen: 25)
    flood(20..<40)
    #expect(host.stack.held.halfOpen == 25)
    try host.stack.setLimits(of: listener, halfOpen: 100)
    let moved = try host.stack.setLimit(.halfOpen, to: 30)
    #expect(moved == 30)
    flood(40..<60)
    #expect(host.stack.held.halfOpen == 30)
    #expect(try host.stack.status(listener).options.halfOpenLimit == 100)
    #expect(host.stack.limit(.halfOpen) == 30)
  }

  @Test("S5.4 Fewer connections may be had from now on, and those that there are stay", .bothFamilies)
  func connections() throws {
    let host = try Host(1)
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    var peers = (0..<4).map { RawPeer($0, to: host.endpoint(80)) }
    #expect(try peers[0].connect(to: host))
    #expect(try peers[1].connect(to: host))
    try host.stack.setLimit(.connections, to: 1)
    #expect(try !peers[2].connect(to: host))
    #expect(host.stack.held.connections == 2)
    try host.stack.setLimit(.connections, to: 3)
    #expect(try peers[3].connect(to: host))
  }

  @Test("The memory budget moves, but not below what is held, and limits shrink with it")
  func memory() throws {
    let host = try Host(1) { $0.memoryBudget = 8 << 20 }
    let held = UInt64(host.stack.memory.held)
    #expect(throws: LimitError.outOfRange) { try host.stack.setLimit(.memoryBudget, to: 100) }
    #expect(throws: LimitError.outOfRange) { try host.stack.setLimit(.memoryBudget, to: .max) }
    let least = UInt64(StackConfiguration.leastMemoryBudget)
    if held > least {
      #expect(throws: LimitError.belowHeld) { try host.stack.setLimit(.memoryBudget, to: held - 1) }
    }
    let before = host.stack.limit(.halfOpen)
    let lowered = try host.stack.setLimit(.memoryBudget, to: 1 << 20)
    #expect(lowered == 1 << 20)
    #expect(host.stack.memory.limit == 1 << 20 && host.stack.limit(.halfOpen) < before)
    host.check()
    // A limit is lowered to what the budget has room for.
    let most = try host.stack.setLimit(.halfOpen, to: 1 << 20)
    #expect(most == host.stack.limit(.halfOpen) && most < 1 << 16)
    let raised = try host.stack.setLimit(.memoryBudget, to: 64 << 20)
    #expect(raised == 64 << 20)
    host.check()
  }

  @Test("The flight recorder is switched on and off while packets pass, and charged")
  func recorder() throws {
    let pair = try Pair { $0.memoryBudget = 1 << 20 }
    let (client, server, _) = try pair.connect()
    #expect(pair.b.stack.recordsWritten == 0 && pair.b.stack.limit(.recorder) == 0)
    let held = pair.b.stack.memory.held
    let size = try pair.b.stack.setLimit(.recorder, to: 100)
    #expect(size == 100)
    #expect(pair.b.stack.memory.held > held)
    pair.b.check()
    _ = try pair.transfer(Packet(repeating: 1, count: 5_000), from: pair.a, client, to: pair.b, server)
    #expect(pair.b.stack.recordsWritten > 0)
    let first = pair.b.stack.record(0)
    let record = try #require(first)
    let ends = pair.b.stack.endpoints(ofRecordFlow: record.flow)
    #expect(ends?.local.port == 80)
    // More than the sixteenth of the budget.
    let most = try pair.b.stack.setLimit(.recorder, to: 1 << 20)
    #expect(most < 1 << 13 && pair.b.stack.recordsWritten == 0)
    pair.b.check()
    let none = try pair.b.stack.setLimit(.recorder, to: 0)
    #expect(none == 0)
    #expect(pair.b.stack.memory.held <= held + (64 << 10) && pair.b.stack.record(0) == nil)
    pair.b.check()
    #expect(throws: LimitError.outOfRange) { try pair.b.stack.setLimit(.recorder, to: 1 << 25) }
    #expect(throws: LimitError.outOfRange) { try pair.b.stack.setLimit(.halfOpen, to: 0) }
    #expect(throws: LimitError.outOfRange) { try pair.b.stack.setLimit(.connections, to: 1 << 40) }
  }
}
