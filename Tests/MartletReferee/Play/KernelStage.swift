#if os(Linux)
  import CMartletSystem
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// The kernel's TCP behind a TUN device, in a network namespace of its own, with settings that leave it no
  /// moods: no cookies, no limits on challenges, acknowledgments at once, nothing remembered of a peer.
  ///
  /// Many scripts are played at once, each from a peer address of its own, so that hours of waiting take minutes.
  ///
  /// Invariant: one thread at a time; `play` waits for the thread that it starts inside the namespace.
  package final class KernelStage: @unchecked Sendable {
    static let address: UInt32 = 0x0a00_0001

    private let namespace: NetworkNamespace
    private var link: TUNLink
    private var players: [UInt32: KernelPlayer] = [:]
    private var count: UInt32 = 0

    package init() throws {
      namespace = try NetworkNamespace.anonymous()
      let own = IPPrefix(.v4(IPv4Address(bits: Self.address)), length: 8)
      let six = IPPrefix(.v6(MartletPlayer.six(Self.address)), length: 96)
      link = try TUNLink(
        TUNConfiguration(name: "referee0", mtu: 1_500, kernelAddresses: [own, six]), in: namespace)
      try namespace.perform { () throws(LinkError) in
        for (name, value) in Self.settings {
          let result = martlet_write_file("/proc/sys/net/" + name, value)
          // A kernel that lacks a setting lacks what it would switch off.
          if result < 0, result != -ENOENT {
            throw LinkError(.failed, errno: Errno(rawValue: -result), "cannot set net/\(name)")
          }
        }
      }
      // RTAX_QUICKACK: every segment is acknowledged at once; beyond 10.128.0.0 as the kernel likes.
      try run(["ip", "route", "add", "10.0.0.0/9", "dev", "referee0", "src", "10.0.0.1", "quickack", "1"])
      try run(["ip", "route", "add", "fd00::a00:0/105", "dev", "referee0", "quickack", "1"])
    }

    private static let settings = [
      ("ipv4/tcp_syncookies", "0"), ("ipv4/tcp_invalid_ratelimit", "0"), ("ipv4/tcp_rfc1337", "1"),
      ("ipv4/tcp_challenge_ack_limit", "2147483647"), ("ipv4/tcp_no_metrics_save", "1"),
      ("ipv4/tcp_moderate_rcvbuf", "0"), ("ipv4/tcp_comp_sack_nr", "0"), ("ipv4/tcp_autocorking", "0"),
      ("ipv4/tcp_fastopen", "0"), ("ipv4/tcp_max_syn_backlog", "65536"),
      ("ipv4/tcp_max_tw_buckets", "262144"),
      // Else whatever the machine is set to, which may be BBR, and paces. Every namespace may choose this one.
      ("ipv4/tcp_congestion_control", "reno"),
      // A window of one octet makes pieces of one octet, which cost the send buffer a kilobyte each.
      ("ipv4/tcp_wmem", "4096 16777216 16777216"),
      ("ipv4/tcp_rmem", "4096 65536 6291456"), ("ipv4/tcp_tw_reuse", "0"), ("core/somaxconn", "4096"),
      ("ipv4/conf/all/rp_filter", "0"), ("ipv4/tcp_backlog_ack_defer", "0"),
    ]

    private func run(_ arguments: [String]) throws {
      var program = try namespace.start(arguments)
      let output = program.readOutput()
      guard program.wait() == 0 else {
        throw StageFailure(
          message: arguments.joined(separator: " ") + ": " + String(decoding: output, as: UTF8.self))
      }
    }

    /// Plays all scripts, so many at a time; the result has their order.
    package func play(_ scripts: [Script], atOnce: Int) throws -> [KernelAccount] {
      try namespace.perform { () throws(LinkError) -> [KernelAccount] in
        try self.playInside(scripts, atOnce: atOnce)
      }
    }

    private func playInside(_ scripts: [Script], atOnce: Int) throws(LinkError) -> [KernelAccount] {
      var waiting = Array(scripts.indices.reversed())
      var results = [KernelAccount](repeating: KernelAccount(), count: scripts.count)
      var agenda = Agenda<KernelPlayer>()
      while !waiting.isEmpty || !agenda.isEmpty {
        while agenda.count < atOnce, let next = waiting.popLast() {
          agenda.add(begin(scripts[next], index: next), due: Self.now)
        }
        while let player = agenda.next(before: Self.now) {
          if let due = try advance(player) {
            agenda.add(player, due: due)
          } else {
            results[player.index] = KernelAccount(outcomes: player.outcomes, lateness: player.lateness)
            try end(player)
          }
        }
        try pause(until: agenda.firstDue)
      }
      return results
    }

    private func begin(_ script: Script, index: Int) -> KernelPlayer {
      count &+= 1
      let base: UInt32 = script.settings.delaysAcknowledgments ? 0x0a80_0002 : 0x0a01_0002
      let ends = Peer.Ends(
        isIPv6: script.settings.isIPv6, stackPort: UInt16(1_024 + count % 60_000), peerPort: 4_000,
        stackAddress: Self.address, peerAddress: base + count & 0x003f_ffff)
      let player = KernelPlayer(script, ends, index: index)
      players[ends.peerAddress] = player
      return player
    }

    /// Takes a player's next step; returns when the one after is due, nil: it has ended.
    private func advance(_ player: KernelPlayer) throws(LinkError) -> UInt64? {
      try drain()
      player.finishStep()
      guard let step = player.nextStep() else { return nil }
      switch step {
      case .inject: try send(player.packet(of: step))
      case .listen, .connect: player.open(step)
      default: player.call(step)
      }
      try drain()
      player.accept()
      return Self.now + player.timeOfStep
    }

    /// Whatever is left of a script goes without a word to others.
    private func end(_ player: KernelPlayer) throws(LinkError) {
      player.closeAll()
      try send(player.parting)
      try drain()
      players[player.ends.peerAddress] = nil
    }

    private func pause(until due: UInt64?) throws(LinkError) {
      if let due {
        let now = Self.now
        let milliseconds = due > now ? Int32(clamping: (due - now) / 1_000_000) : 0
        var entry = pollfd(fd: link.readiness?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, milliseconds)
      }
      try drain()
    }

    // MARK: Packets

    private func send(_ packet: [UInt8]) throws(LinkError) {
      var isSent = false
      _ = try link.send(limit: 1, now: Instant(nanoseconds: Self.now)) { buffer in
        guard !isSent else { return nil }
        isSent = true
        for (index, octet) in packet.enumerated() {
          buffer.storeBytes(of: octet, toByteOffset: index, as: UInt8.self)
        }
        return OutgoingPacket(count: packet.count)
      }
    }

    private func drain() throws(LinkError) {
      let now = Self.now
      while try link.receive(
        limit: 64, now: Instant(nanoseconds: now),
        { packet, _ in
          guard packet.byteCount >= 40 else { return }
          let peer = packet.be32(packet.u8(0) >> 4 == 6 ? 36 : 16)
          players[peer]?.take((0..<packet.byteCount).map { packet.u8($0) }, at: now)
        }) == 64
      {}
    }

    static var now: UInt64 {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
  }

  /// What the kernel did, step by step.
  package struct KernelAccount: Sendable {
    package var outcomes: [Outcome] = []
    /// Nanoseconds that a step has lasted longer than it should, at most.
    package var lateness: UInt64 = 0
  }

  package struct StageFailure: Error, CustomStringConvertible {
    package var message: String
    package var description: String { message }
  }

  /// Who is due when, the first first: a heap.
  struct Agenda<Value> {
    private var entries: [(due: UInt64, value: Value)] = []

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    var firstDue: UInt64? { entries.first?.due }

    mutating func add(_ value: Value, due: UInt64) {
      entries.append((due, value))
      var child = entries.count - 1
      while child > 0, entries[(child - 1) / 2].due > entries[child].due {
        entries.swapAt(child, (child - 1) / 2)
        child = (child - 1) / 2
      }
    }

    mutating func next(before now: UInt64) -> Value? {
      guard let first = entries.first, first.due <= now else { return nil }
      entries.swapAt(0, entries.count - 1)
      entries.removeLast()
      var parent = 0
      while true {
        var least = parent
        for child in [2 * parent + 1, 2 * parent + 2]
        where child < entries.count && entries[child].due < entries[least].due { least = child }
        if least == parent { return first.value }
        entries.swapAt(least, parent)
        parent = least
      }
    }
  }
#endif
