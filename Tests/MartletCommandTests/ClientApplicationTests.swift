#if os(Linux)
  import Martlet
  import MartletCommand
  import MartletStack
  import MartletTCP
  import MartletWire
  import Testing

  @Suite("connect")
  struct ClientApplicationTests {
    private static let peer = MACAddress(2, 0, 0, 0, 0, 9)

    /// Answers whoever looks for 10.7.0.9.
    private func answer(_ frame: [UInt8], _ stack: inout NetworkStack, _ link: InterfaceID, _ now: Instant) {
      guard let request = ARPPacket(parsing: frame.span.bytes.extracting(14..<frame.count)),
        request.targetProtocol == IPv4Address(10, 7, 0, 9)
      else { return }
      var reply = [UInt8](repeating: 0, count: 42)
      var span = reply.mutableSpan
      var raw = span.mutableBytes
      EthernetHeader(destination: request.senderHardware, source: Self.peer, etherType: .arp)
        .write(into: &raw, at: 0)
      ARPPacket(
        operation: .reply, senderHardware: Self.peer, senderProtocol: request.targetProtocol,
        targetHardware: request.senderHardware, targetProtocol: request.senderProtocol
      ).write(into: &raw, at: 14)
      stack.receive(reply.span.bytes, on: link, now: now)
    }

    /// Pulls everything; the text of a SYN that is among it, and whether it has a cookie.
    private func pull(
      _ stack: inout NetworkStack, _ link: InterfaceID, _ now: Instant
    ) -> (text: [UInt8], hasCookie: Bool)? {
      var buffer = [UInt8](repeating: 0, count: 2_000)
      while true {
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        guard let out = stack.nextPacket(on: link, into: &raw, now: now) else { return nil }
        let frame = Array(buffer.prefix(out.count))
        answer(frame, &stack, link, now)
        guard let packet = IPv4HeaderView(validating: frame.span.bytes.extracting(14..<frame.count)),
          packet.proto == .tcp, let view = TCPHeaderView(validating: packet.payload)
        else { continue }
        let header = view.header()
        guard header.flags.contains(.syn) else { continue }
        let text = view.text
        return ((0..<text.byteCount).map { text.u8($0) }, header.options.fastOpenCookieCount > 0)
      }
    }

    @Test("With a Fast Open cookie the first text rides on the SYN, though the address has to be waited for")
    func textAfterWait() throws {
      var stack = NetworkStack(seed: StackSeed(1))
      var now = Instant(nanoseconds: 1_000_000_000)
      stack.advance(to: now)
      let link = try stack.addInterface(
        InterfaceConfiguration(
          addresses: [IPPrefix("10.7.0.1/24")!],
          medium: .ethernet(EthernetMedium(hardwareAddress: MACAddress(2, 0, 0, 0, 0, 1)))))
      let ends = StreamEnds()
      let said = Array("hello".utf8)
      ends.input.append(said.span.bytes)
      let cookie: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
      var options = ConnectionOptions()
      options.fastOpen = true
      var app = ClientApplication(
        to: Endpoint(address: IPAddress("10.7.0.9")!, port: 80), from: LocalEndpoint(), options,
        ClientApplication.Manners(), ends, journal: .quiet,
        ticket: FastOpenTicket(cookie.span.bytes, mss: 1_460))
      app.start(stack: &stack, now: now)
      let isWaiting = app.nextDeadline != nil
      #expect(isWaiting)
      var syn: (text: [UInt8], hasCookie: Bool)?
      for _ in 0..<200 where syn == nil {
        now = now.advanced(by: .milliseconds(100))
        stack.advance(to: now)
        while let event = stack.nextEvent() { app.event(event, stack: &stack, now: now) }
        if let deadline = app.nextDeadline, deadline <= now { app.deadlineReached(stack: &stack, now: now) }
        syn = pull(&stack, link, now)
      }
      #expect(syn?.text == said && syn?.hasCookie == true)
    }
  }
#endif
