#if Metrics && os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MetricsTestKit
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Metrics for swift-metrics", .timeLimit(.minutes(1)))
  struct MetricsPublisherTests {
    @Test("Gauges are how it is, and counters grow by what was counted since")
    func publishes() throws {
      let loop = try ControlledLoop(start: { stack, now in
        _ = try? stack.listen(on: LocalEndpoint(port: 80))
        for port in 0..<5 {
          let remote = endpoint("10.7.0.2", UInt16(1_000 + port))
          _ = try? stack.connect(to: remote, now: now)
        }
      })
      let metrics = TestMetrics()
      let publisher = try MetricsPublisher(of: [loop.control], every: .milliseconds(10), factory: metrics)
      defer { publisher.close() }
      func gauge(_ label: String, _ dimensions: [(String, String)] = []) -> Double? {
        (try? metrics.expectGauge(label, dimensions))?.lastValue
      }
      for _ in 0..<2_000 where gauge("martlet_sockets", [("state", "SYN-SENT")]) != 5 { usleep(5_000) }
      #expect(gauge("martlet_sockets", [("state", "SYN-SENT")]) == 5)
      #expect(gauge("martlet_sockets", [("state", "LISTEN")]) == 1)
      #expect(gauge("martlet_syn_flood", [("listener", "*:80")]) == 0)
      let opens = try metrics.expectCounter("martlet_tcp_active_opens")
      #expect(opens.totalValue == 5)
    }
  }
#endif
