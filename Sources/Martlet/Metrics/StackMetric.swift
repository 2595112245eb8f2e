import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace

/// A family of figures under one name, as monitoring systems want them.
package struct StackMetric: Equatable, Sendable {
  package struct Sample: Equatable, Sendable {
    package var labels: [Label]
    package var value: UInt64
  }

  package struct Label: Equatable, Hashable, Sendable {
    package var name: String
    package var value: String
  }

  package let name: String
  package let help: String
  /// It only grows; otherwise it is how things are now.
  package let isCounter: Bool
  package var samples: [Sample] = []

  init(_ name: String, _ help: String, counter: Bool = false) {
    self.name = name
    self.help = help
    isCounter = counter
  }

  mutating func add(_ value: UInt64, _ labels: (String, String)...) {
    samples.append(Sample(labels: labels.map { Label(name: $0.0, value: $0.1) }, value: value))
  }

  fileprivate init(
    _ name: String, _ help: String, counter: Bool = false, _ value: UInt64, _ labels: (String, String)...
  ) {
    self.init(name, help, counter: counter)
    samples = [Sample(labels: labels.map { Label(name: $0.0, value: $0.1) }, value: value)]
  }
}

extension StackFigures {
  /// Everything that is worth watching.
  package func metrics(at now: Instant) -> [StackMetric] {
    states + holdings + memory + listening(now) + linkMetrics + counted
  }

  private var states: [StackMetric] {
    var metric = StackMetric("martlet_sockets", "TCP sockets by state.")
    for state in TCPState.allCases {
      let count = state == .listen ? listeners.count : flows[state] ?? 0
      metric.add(UInt64(clamping: count), ("state", state.text(.rfc)))
    }
    return [metric]
  }

  private var holdings: [StackMetric] {
    [
      StackMetric("martlet_connections", "Records of connections.", UInt64(clamping: held.connections)),
      StackMetric("martlet_half_open", "Half-open connections.", UInt64(clamping: held.halfOpen)),
      StackMetric("martlet_time_wait", "Records in TIME-WAIT.", UInt64(clamping: held.timeWait)),
      StackMetric(
        "martlet_datagram_sockets", "UDP and echo sockets.", UInt64(clamping: held.datagramSockets)),
      StackMetric("martlet_neighbours", "Neighbours known or looked for.", UInt64(clamping: held.neighbours)),
      StackMetric(
        "martlet_unfinished_datagrams", "Datagrams of which fragments are missing.",
        UInt64(clamping: held.unfinishedDatagrams)),
    ]
  }

  private var memory: [StackMetric] {
    var metrics = [
      StackMetric("martlet_memory_held_bytes", "Octets held of the budget.", UInt64(clamping: memoryHeld)),
      StackMetric(
        "martlet_memory_high_water_bytes", "The most that was ever held.", UInt64(clamping: memoryHighWater)),
      StackMetric(
        "martlet_memory_pressure", "How scarce memory is, 0 (not) to 4 (connections are reset).",
        UInt64(pressure.rawValue)),
      StackMetric(
        "martlet_memory_refusals_total", "How often the budget refused.", counter: true, memoryRefusals),
    ]
    if memoryLimit != .max {
      metrics.append(
        StackMetric("martlet_memory_limit_bytes", "The budget.", UInt64(clamping: memoryLimit)))
    }
    return metrics
  }

  private func listening(_ now: Instant) -> [StackMetric] {
    func each(
      _ name: String, _ help: String, counter: Bool = false, _ value: (ListenerFigures) -> UInt64
    ) -> StackMetric {
      var metric = StackMetric(name, help, counter: counter)
      for listener in listeners { metric.add(value(listener), ("listener", listener.status.local.text)) }
      return metric
    }
    return [
      each("martlet_listener_half_open", "Half-open connections.") { UInt64($0.status.halfOpen) },
      each("martlet_listener_half_open_limit", "How many may be half open.") {
        UInt64($0.status.options.halfOpenLimit)
      },
      each("martlet_listener_accept_queue", "Connections that wait to be accepted.") {
        UInt64($0.status.acceptable)
      },
      each("martlet_listener_accept_limit", "How many may wait to be accepted.") {
        UInt64($0.status.options.acceptLimit)
      },
      each("martlet_listener_connections", "Connections on the wire.") { UInt64($0.status.connections) },
      each("martlet_listener_accepted_total", "Connections accepted.", counter: true) { $0.status.accepted },
      each("martlet_listener_half_open_overflows_total", "SYNs that found the queue full.", counter: true) {
        $0.status.halfOpenOverflows
      },
      each(
        "martlet_listener_accept_overflows_total", "Third segments that found the queue full.", counter: true
      ) { $0.status.acceptOverflows },
      each("martlet_syn_flood", "Whether a flood of SYNs is on, or was within the last minute.") {
        $0.flood == nil ? 0 : 1
      },
      each("martlet_syn_flood_syns_per_second", "SYNs a second of the flood.") {
        UInt64($0.flood?.synsPerSecond ?? 0)
      },
      each("martlet_syn_flood_sources", "Addresses that they come from, estimated.") {
        $0.flood?.distinctSources ?? 0
      },
      each("martlet_syn_flood_cookies_sent", "Cookies sent since it began.") { $0.flood?.cookiesSent ?? 0 },
      each("martlet_syn_flood_cookies_returned", "Of these, those that came back.") {
        $0.flood?.cookiesReturned ?? 0
      },
    ]
  }

  private var linkMetrics: [StackMetric] {
    func each(_ name: String, _ help: String, _ value: (LinkCounters) -> UInt64) -> StackMetric {
      var metric = StackMetric("martlet_link_\(name)_total", help, counter: true)
      for (name, counters) in byName { metric.add(value(counters), ("link", name)) }
      return metric
    }
    return [
      each("received_packets", "Packets received.") { $0.receivedPackets },
      each("received_bytes", "Octets received.") { $0.receivedOctets },
      each("sent_packets", "Packets sent.") { $0.sentPackets },
      each("sent_bytes", "Octets sent.") { $0.sentOctets },
      each("receive_drops", "Packets of which the device said what cannot be.") { $0.receiveDrops },
      each("send_drops", "Packets that the device refused.") { $0.sendDrops },
      each("missed", "Frames that came faster than they were taken.") { $0.missed },
      each("send_stalls", "How often the device was full.") { $0.sendStalls },
    ]
  }

  /// The queues of one device together.
  private var byName: [(String, LinkCounters)] {
    var names: [(String, LinkCounters)] = []
    for link in links {
      if let i = names.firstIndex(where: { $0.0 == link.name }) {
        names[i].1 = names[i].1 + link.counters
      } else {
        names.append((link.name, link.counters))
      }
    }
    return names
  }

  private var counted: [StackMetric] {
    var drops = StackMetric("martlet_drops_total", "Packets dropped, by reason.", counter: true)
    var metrics: [StackMetric] = []
    for counter in counters {
      if counter.name.hasPrefix("MartletDrop"), counter.name != "MartletDrops" {
        let reason = counter.name.dropFirst("MartletDrop".count)
        drops.add(counter.value, ("reason", reason.prefix(1).lowercased() + reason.dropFirst()))
      } else if counter.name != "MartletDrops" {
        let isOwn = counter.name.hasPrefix("Martlet")
        let name = isOwn ? String(counter.name.dropFirst("Martlet".count)) : counter.name
        metrics.append(
          StackMetric(
            "martlet_\(Self.snakeCase(name))_total",
            isOwn ? "\(counter.name), which Linux does not count." : "\(counter.name), as Linux counts it.",
            counter: true, counter.value))
      }
    }
    return metrics + [drops]
  }

  /// `TcpExtListenOverflows` is `tcp_ext_listen_overflows`.
  package static func snakeCase(_ name: String) -> String {
    // Plurals of abbreviations are words of their own.
    var letters = Array(name)
    for plural in ["ACKs", "RTOs", "OKs"] {
      let wanted = Array(plural)
      guard letters.count >= wanted.count else { continue }
      for i in 0...(letters.count - wanted.count) where Array(letters[i..<(i + wanted.count)]) == wanted {
        for j in (i + 1)..<(i + wanted.count) { letters[j] = Character(letters[j].lowercased()) }
      }
    }
    var text = ""
    for (i, letter) in letters.enumerated() {
      let startsWord =
        i > 0 && letter.isUppercase
        && (letters[i - 1].isLowercase || letters[i - 1].isNumber
          || i + 1 < letters.count && letters[i + 1].isLowercase)
      text += (startsWord ? "_" : "") + letter.lowercased()
    }
    return text
  }
}
