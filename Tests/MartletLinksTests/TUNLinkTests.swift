#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("TUN devices", .needsTUN)
  struct TUNLinkTests {
    let now = Instant.origin

    @Test(
      "The kernel agrees to what it is asked for, and to nothing without checksums",
      arguments: [
        ([], []), (.checksum, .checksum), ([.checksum, .segmentation], [.checksum, .segmentation]),
        (.segmentation, []),
      ] as [(InterfaceConfiguration.Offload, InterfaceConfiguration.Offload)])
    func agreement(asked: InterfaceConfiguration.Offload, agreed: InterfaceConfiguration.Offload) throws {
      let namespace = try NetworkNamespace.anonymous()
      let link = try TUNLink(TUNConfiguration(offload: asked), in: namespace)
      #expect(link.offload == agreed)
      #expect(link.largestPacket >= 65_535)
    }

    @Test("Trains of datagrams as far as the kernel knows them, and all else in any case")
    func everything() throws {
      let namespace = try NetworkNamespace.anonymous()
      let link = try TUNLink(TUNConfiguration(offload: .everything), in: namespace)
      #expect(link.offload.isSuperset(of: [.checksum, .segmentation]))
    }

    @Test("The kernel's datagrams come in and ours go out, through a namespace of the test's own")
    func exchangesDatagrams() throws {
      let namespace = try NetworkNamespace.anonymous()
      var link = try TUNLink(
        TUNConfiguration(name: "mt%d", mtu: 1400, kernelAddresses: [prefix(10, 7, 0, 1, 24)]), in: namespace)
      #expect(link.name == "mt0")
      #expect(link.mtu == 1400)
      let socket = try namespace.perform { () throws(LinkError) in boundSocket(port: 5000) }
      defer { close(socket) }
      sendDatagram(socket, [1, 2, 3], to: (10, 7, 0, 2), port: 6000)

      var arrived: [UInt8] = []
      while arrived.isEmpty, Machine.wait(for: link.readiness) {
        _ = try link.receive(limit: 64, now: now) { packet, metadata in
          let packet = octets(packet)
          if packet[0] >> 4 == 4, packet[9] == 17 { arrived = packet }  // others: the kernel's own IPv6
        }
      }
      try #require(arrived.count == 31)
      #expect(Array(arrived[12..<20]) == [10, 7, 0, 1, 10, 7, 0, 2])
      #expect(Array(arrived[28...]) == [1, 2, 3])

      // Back: addresses and ports exchanged leave every checksum as it is.
      var answer = arrived
      answer.replaceSubrange(12..<16, with: arrived[16..<20])
      answer.replaceSubrange(16..<20, with: arrived[12..<16])
      answer.replaceSubrange(20..<22, with: arrived[22..<24])
      answer.replaceSubrange(22..<24, with: arrived[20..<22])
      var pending = true
      let outcome = try link.send(limit: 64, now: now) { buffer in
        guard pending else { return nil }
        pending = false
        return write(answer, &buffer)
      }
      #expect(outcome == .drained)
      try #require(Machine.wait(for: FileDescriptor(rawValue: socket)))
      var received = [UInt8](repeating: 0, count: 10)
      #expect(recv(socket, &received, 10, 0) == 3)
      #expect(Array(received[..<3]) == [1, 2, 3])
      #expect(link.counters.sentPackets == 1)
    }

    @Test(
      "A device that was there before is as we ask for, whatever its last owner had",
      arguments: [false, true])
    func persistent(hasOffload: Bool) throws {
      let namespace = try NetworkNamespace.anonymous()
      do {
        let first = try TUNLink(TUNConfiguration(name: "kept", offload: .everything), in: namespace)
        // TUNSETPERSIST, TUNSETVNETHDRSZ
        #expect(Machine.control(first.readiness, 0x4004_54cb, 1))
        var size: Int32 = 12
        #expect(
          withUnsafeMutablePointer(to: &size) {
            Machine.control(first.readiness, 0x4004_54d8, Int(bitPattern: $0))
          })
      }
      var link = try TUNLink(
        TUNConfiguration(
          name: "kept", kernelAddresses: [prefix(10, 7, 0, 1, 24)], offload: hasOffload ? .everything : []),
        in: namespace)
      let socket = try namespace.perform { () throws(LinkError) in boundSocket(port: 5000) }
      defer { close(socket) }
      sendDatagram(socket, [1, 2, 3], to: (10, 7, 0, 2), port: 6000)
      var seen: (octets: [UInt8], metadata: PacketMetadata)?
      while seen == nil, Machine.wait(for: link.readiness) {
        _ = try link.receive(limit: 64, now: now) { packet, metadata in
          let packet = octets(packet)
          if packet[0] >> 4 == 4, packet[9] == 17 { seen = (packet, metadata) }
        }
      }
      let (packet, metadata) = try #require(seen)
      #expect(packet.count == 31 && packet[28...] == [1, 2, 3])
      #expect(metadata.checksum == (hasOffload ? .partial(start: 20, offset: 6) : .unverified))
      // Addresses, protocol and length stand before the datagram that is summed.
      let summed = Array(packet[12...]) + [0] + [0, 17, 0, 11]
      let sum = stride(from: 0, to: summed.count, by: 2).reduce(UInt32(0)) {
        $0 + UInt32(summed[$1]) << 8 + UInt32($1 + 1 < summed.count ? summed[$1 + 1] : 0)
      }
      #expect(hasOffload || (sum & 0xffff) + (sum >> 16) == 0xffff)
    }

    @Test("Both families get their addresses, and the device is gone with its link")
    func leavesNothing() throws {
      let namespace = try NetworkNamespace.anonymous()
      let v6 = ipv6(0xfd00_0007_0000_0000, 1)
      do {
        let link = try TUNLink(
          TUNConfiguration(name: "gone", kernelAddresses: [prefix(10, 7, 0, 1, 24), v6]), in: namespace)
        #expect(try namespace.perform { () throws(LinkError) in interfaceCount() } == 2)
        #expect(try namespace.perform { () throws(LinkError) in canBind(v6: true) })
        _ = link.counters
      }
      #expect(try namespace.perform { () throws(LinkError) in interfaceCount() } == 1)
    }

    @Test("A second device with the same address or the same network is refused; another network is not")
    func rivals() throws {
      let namespace = try NetworkNamespace.anonymous()
      let v6 = ipv6(0xfd00_0007_0000_0000, 1)
      let first = try TUNLink(
        TUNConfiguration(name: "first", kernelAddresses: [prefix(10, 7, 0, 1, 24), v6]), in: namespace)
      for rival in [prefix(10, 7, 0, 1, 24), prefix(10, 7, 0, 9, 24), prefix(10, 7, 0, 1, 32), v6] {
        do {
          _ = try TUNLink(TUNConfiguration(name: "second", kernelAddresses: [rival]), in: namespace)
          Issue.record("\(rival) was taken twice")
        } catch {
          #expect(error.code == .addressInUse)
          #expect(error.message.contains("first"))
        }
      }
      for other in [prefix(10, 8, 0, 1, 24), prefix(10, 7, 0, 9, 16), ipv6(0xfd00_0008_0000_0000, 1)] {
        _ = try TUNLink(TUNConfiguration(name: "second", kernelAddresses: [other]), in: namespace)
      }
      _ = first.counters
    }

    @Test("A receive without packets returns at once; a limit is kept")
    func limits() throws {
      let namespace = try NetworkNamespace.anonymous()
      var link = try TUNLink(
        TUNConfiguration(name: "few", kernelAddresses: [prefix(10, 7, 0, 1, 24)]), in: namespace)
      let socket = try namespace.perform { () throws(LinkError) in boundSocket(port: 5000) }
      defer { close(socket) }
      for i in 0..<10 { sendDatagram(socket, [UInt8(i)], to: (10, 7, 0, 2), port: 6000) }
      var taken = 0
      #expect(try link.receive(limit: 4, now: now) { _, _ in taken += 1 } == 4)
      while try link.receive(limit: 64, now: now, { _, _ in taken += 1 }) > 0 {}
      #expect(taken >= 10)
    }

    @Test("Two interfaces of one namespace are apart")
    func twoInterfaces() throws {
      let namespace = try NetworkNamespace.anonymous()
      let first = try TUNLink(
        TUNConfiguration(name: "mt%d", kernelAddresses: [prefix(10, 7, 0, 1, 24)]), in: namespace)
      var second = try TUNLink(
        TUNConfiguration(name: "mt%d", kernelAddresses: [prefix(10, 8, 0, 1, 24)]), in: namespace)
      #expect(first.name == "mt0")
      #expect(second.name == "mt1")
      let socket = try namespace.perform { () throws(LinkError) in boundSocket(port: 5000) }
      defer { close(socket) }
      sendDatagram(socket, [1], to: (10, 8, 0, 2), port: 6000)
      var found = false
      while !found, Machine.wait(for: second.readiness) {
        _ = try second.receive(limit: 64, now: now) { packet, _ in
          found = found || octets(packet).dropFirst(16).prefix(4) == [10, 8, 0, 2]
        }
      }
      #expect(found)
    }

    @Test("Sending while the interface is down counts a drop and goes on")
    func down() throws {
      let namespace = try NetworkNamespace.anonymous()
      var link = try TUNLink(TUNConfiguration(name: "down", bringsUp: false), in: namespace)
      var left = 2
      let packet: [UInt8] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 7, 0, 2, 10, 7, 0, 1]
      let outcome = try link.send(limit: 64, now: now) { buffer in
        guard left > 0 else { return nil }
        left -= 1
        return write(packet, &buffer)
      }
      #expect(outcome == .drained)
      #expect(link.counters.sendDrops == 2)
    }

    @Test("Each refusal says what to do")
    func refusals() throws {
      let namespace = try NetworkNamespace.anonymous()
      func refusal(_ configuration: TUNConfiguration) -> LinkError? {
        #expect(throws: LinkError.self) { _ = try TUNLink(configuration, in: namespace) }
      }
      let held = try TUNLink(
        TUNConfiguration(name: "held", kernelAddresses: [prefix(10, 7, 0, 1, 24)]), in: namespace)
      let busy = refusal(TUNConfiguration(name: "held"))
      #expect(busy?.code == .deviceBusy)
      #expect(busy?.message.contains("choose another name") == true)
      #expect(refusal(TUNConfiguration(name: "lo"))?.code == .wrongDevice)
      #expect(refusal(TUNConfiguration(name: "sixteen-octets-x"))?.code == .nameTooLong)
      #expect(refusal(TUNConfiguration(name: "a/b"))?.code == .badName)
      #expect(refusal(TUNConfiguration(name: ""))?.code == .badName)
      #expect(refusal(TUNConfiguration(name: "x", mtu: 67))?.code == .badMTU)
      #expect(refusal(TUNConfiguration(name: "x", mtu: 65_536))?.code == .badMTU)
      let twice = refusal(
        TUNConfiguration(name: "x", kernelAddresses: [prefix(10, 9, 0, 1, 24), prefix(10, 9, 0, 1, 24)]))
      #expect(twice?.code == .addressInUse)
      #expect(
        refusal(TUNConfiguration(name: "x", mtu: 1000, kernelAddresses: [ipv6(0xff02_0000_0000_0000, 1)]))?
          .code
          == .badMTU)
      #expect(
        refusal(TUNConfiguration(name: "x", kernelAddresses: [ipv6(0xff02_0000_0000_0000, 1)]))?.code
          == .badAddress)
      #expect(try namespace.perform { () throws(LinkError) in interfaceCount() } == 2)
      _ = held.counters
    }

    @Test("Without the privilege the error names it")
    func noPermission() throws {
      // A thread of its own loses the capability; nothing else of the process does.
      let error = try SystemThread.run { () throws(LinkError) -> LinkError? in
        guard setresuidOfThread(65_534) else { return nil }
        do throws(LinkError) {
          _ = try TUNLink(TUNConfiguration(name: "never"))
          return nil
        } catch {
          return error
        }
      }
      #expect(error?.code == .noPermission)
      #expect(error?.message.contains("Run as root") == true)
    }
  }

  private func ipv6(_ high: UInt64, _ low: UInt64) -> IPPrefix {
    IPPrefix(.v6(IPv6Address(high: high, low: low)), length: 64)
  }

  /// Gives up root in the calling thread only: the raw system call, not the C library's.
  private func setresuidOfThread(_ id: Int) -> Bool {
    typealias SystemCall = @convention(c) (Int, Int, Int, Int) -> Int
    guard let symbol = dlsym(nil, "syscall") else { return false }
    #if arch(x86_64)
      let number = 117
    #else
      let number = 147
    #endif
    return unsafeBitCast(symbol, to: SystemCall.self)(number, id, id, id) == 0
  }

  private func interfaceCount() -> Int {
    var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
    return (1...64).count { if_indextoname($0, &name) != nil }
  }

  private func address(_ a: (UInt8, UInt8, UInt8, UInt8), port: UInt16) -> sockaddr_in {
    var result = sockaddr_in()
    result.sin_family = sa_family_t(AF_INET)
    result.sin_port = port.bigEndian
    result.sin_addr.s_addr = IPv4Address(a.0, a.1, a.2, a.3).bits.bigEndian
    return result
  }

  private func boundSocket(port: UInt16) -> Int32 {
    let fd = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var any = address((0, 0, 0, 0), port: port)
    _ = withUnsafePointer(to: &any) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return fd
  }

  private func sendDatagram(
    _ fd: Int32, _ bytes: [UInt8], to host: (UInt8, UInt8, UInt8, UInt8), port: UInt16
  ) {
    var peer = address(host, port: port)
    _ = withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(fd, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// Whether fd00:7::1 is an address of the calling thread's namespace, usable at once.
  private func canBind(v6: Bool) -> Bool {
    let fd = socket(AF_INET6, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(fd) }
    var own = sockaddr_in6()
    own.sin6_family = sa_family_t(AF_INET6)
    inet_pton(AF_INET6, "fd00:7::1", &own.sin6_addr)
    return withUnsafePointer(to: &own) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    } == 0
  }
#endif
