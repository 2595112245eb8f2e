import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Seeing a flood", .bothFamilies)
struct SynFloodReportTests {
  /// `rate` SYNs a second, each from an address of its own, for so many seconds.
  private func run(_ flood: Flood, rate: Int, seconds: Int, sources: Int = .max) throws {
    let syns = (0..<min(sources, rate * seconds)).map { n in
      tcp(
        from: Endpoint(address: far(UInt32(n)), port: 4_000), to: flood.local, seq: 1, .syn,
        options: Flood.usual)
    }
    for n in 0..<rate * seconds {
      let syn = syns[n % syns.count]
      flood.host.stack.receive(syn.span.bytes, on: flood.host.interface, now: flood.host.now)
      if n % 100 == 99 {
        flood.host.advance(by: TimeAmount(nanoseconds: 100_000_000_000 / Int64(rate)))
        _ = flood.host.pull()
      }
    }
  }

  private func flooded() throws -> Flood {
    let flood = try Flood(backlog: 128)
    try flood.host.addDefaultRoute()
    return flood
  }

  @Test("S3.7 the report names listener, rate, half-open entries, distinct sources, cookies and since when")
  func report() throws {
    let flood = try flooded()
    #expect(try flood.host.stack.synFlood(flood.listener, now: flood.host.now) == nil)
    let start = flood.host.now
    try run(flood, rate: 5_000, seconds: 3)
    let honest = try #require(try flood.syn(1))
    flood.host.advance(by: .milliseconds(40))
    try run(flood, rate: 5_000, seconds: 1)
    flood.host.inject(flood.third(1, honest))
    let report = try #require(try flood.host.stack.synFlood(flood.listener, now: flood.host.now))
    #expect(report.listener == flood.listener && report.local.port == 80)
    #expect(report.since.since(start) <= .milliseconds(40))
    #expect((4_500...5_500).contains(report.synsPerSecond), "\(report.synsPerSecond)")
    #expect(report.halfOpen == 128)
    #expect((12_000...18_000).contains(report.distinctSources), "\(report.distinctSources) of 15,001")
    #expect(report.cookiesSent > 19_000 && report.cookiesReturned == 1)
    #expect(report.syns > 19_000)
    #expect(
      try flood.host.stack.synFlood(flood.listener, now: flood.host.now.advanced(by: .seconds(61))) == nil)
  }

  @Test("S3.7 two bursts within a minute are no flood")
  func bursts() throws {
    let flood = try flooded()
    for _ in 0..<2 {
      try run(flood, rate: 10_000, seconds: 1)
      #expect(!flood.host.drain().contains(.synFlood(flood.listener)))
      flood.host.advance(by: .seconds(50))
    }
  }

  @Test("S3.7 an event tells of it after a second and then every ten, and of a burst not at all")
  func events() throws {
    let flood = try flooded()
    func told() -> Int { flood.host.drain().count { $0 == .synFlood(flood.listener) } }
    try run(flood, rate: 10_000, seconds: 1)
    #expect(told() == 0)
    flood.host.advance(by: .seconds(1))
    try run(flood, rate: 1_000, seconds: 1)
    #expect(told() == 1)
    try run(flood, rate: 1_000, seconds: 8)
    #expect(told() == 0)
    for _ in 0..<2 {
      try run(flood, rate: 1_000, seconds: 3)
      #expect(told() == 1)
      try run(flood, rate: 1_000, seconds: 6)
      #expect(told() == 0)
      flood.host.advance(by: .seconds(1))
    }
    flood.host.advance(by: .seconds(120))
    #expect(told() == 0)
  }

  @Test(
    "S3.7 distinct sources are estimated within 30 per cent, few of them within one",
    arguments: [1, 2, 10, 60, 200, 1_000, 30_000])
  func sources(count: Int) throws {
    let flood = try flooded()
    for n in 0..<200 { try flood.syn(n) }
    try run(flood, rate: 10_000, seconds: count < 10_000 ? 2 : 4, sources: count)
    let report = try #require(try flood.host.stack.synFlood(flood.listener, now: flood.host.now))
    // One more: the peer that filled the queue.
    let estimate = Double(report.distinctSources)
    let error = max(1, 0.3 * Double(count))
    #expect(abs(estimate - Double(count + 1)) <= error, "\(estimate) of \(count + 1)")
  }

  @Test("S3.7 half-open connections are in the table under their state, so that a person can filter them")
  func table() throws {
    let flood = try flooded()
    for n in 0..<200 { try flood.syn(n) }
    var half = 0
    flood.host.stack.forEachFlow(now: flood.host.now) { if $0.state == .synReceived { half += 1 } }
    #expect(half == 128)
  }
}
