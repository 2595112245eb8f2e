import ArgumentParser
import Martlet
import MartletLinks
import MartletTrace

/// `martlet link`
struct LinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "link",
    abstract: "Join two TUN devices by a link that loses, delays and reorders.",
    discussion: """
      Makes a TUN device at each end and carries packets between them until it is
      interrupted: what the kernel sends into one comes out of the other, later or
      never. Both devices are gone afterwards. Packets wait for the rate, are
      lost, corrupted, delayed, held back and doubled, in this order.

      Each end is dev=NAME,netns=NAME,address=ADDRESS/LENGTH; all are optional, and
      address may be repeated. Conditions hold for both directions; --back-…
      changes them for the one from right to left.

      EXAMPLES
        ip netns add a; ip netns add b
        martlet link --left dev=l0,netns=a,address=10.7.0.1/24 \\
          --right dev=r0,netns=b,address=10.7.0.2/24 \\
          --rate 100mbit --delay 20ms --loss 1% --queue 1bdp
        ip netns exec a ping 10.7.0.2
        martlet link … --rate 50mbit --back-rate 5mbit --ecn 20packets
        kill -USR1 PID                  prints what became of the packets


      """ + ExitStatus.discussion)

  @Option(
    help: ArgumentHelp("The left end: dev=NAME,netns=NAME,address=ADDRESS/LENGTH.", valueName: "end"),
    transform: { try LinkEnd(parsing: $0) })
  var left: LinkEnd

  @Option(
    help: ArgumentHelp("The right end, likewise.", valueName: "end"),
    transform: { try LinkEnd(parsing: $0) })
  var right: LinkEnd

  @Option(help: ArgumentHelp("The largest IP packet on both devices, in octets.", valueName: "octets"))
  var mtu = 1500

  @Option(help: ArgumentHelp("The same luck again (default: by chance).", valueName: "number"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Write every packet to this pcapng file, as it enters and as it leaves, and what becomes of it.",
      valueName: "file"))
  var write: String?

  @OptionGroup(title: "Conditions") var forward: ForwardOptions
  @OptionGroup(title: "Conditions from right to left") var backward: BackwardOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if left.netns == right.netns, !left.addresses.isEmpty, !right.addresses.isEmpty {
      throw ValidationError(
        "Both ends are in the same namespace, where the kernel never sends between its own addresses. "
          + "Put one of them into another with netns=NAME (\"ip netns add NAME\" makes one).")
    }
    if left.netns == right.netns, left.device == right.device, !left.device.contains("%") {
      throw ValidationError("Both ends are the device \(left.device). Give one of them another dev=NAME.")
    }
    do throws(SpecificationError) {
      _ = try LinkPlan(forward, backward, mtu: mtu)
    } catch {
      throw ValidationError(error.description)
    }
  }

  #if os(Linux)
    func run() throws {
      try reportingFailures {
        let journal = output.journal(json: .output)
        let plan = try LinkPlan(forward, backward, mtu: mtu)
        let seed = seed ?? UInt64.random(in: 0...0xffff_ffff)
        let leftLink = try open(left)
        let rightLink = try open(right)
        let capture = try capture(leftLink.name, rightLink.name)
        journal.tell(
          .normal, "ready",
          "\(left.text(leftLink.name)) and \(right.text(rightLink.name)) are joined; seed \(seed).\n"
            + "Interrupt (Ctrl-C) to end."
        ) {
          $0.add("left", leftLink.name)
          $0.add("right", rightLink.name)
          $0.add("seed", seed)
        }
        var relay = try LinkRelay(leftLink, rightLink, plan, seed: seed, capture: capture)
        relay.control.stopOnSignals()
        StatusSignal.watch(relay.control)
        while !relay.control.isStopping {
          try relay.turn()
          if StatusSignal.take() { LinkReport(relay).tell(journal, "status") }
        }
        capture?.flush()
        LinkReport(relay).tell(journal, "stopped")
        if let failure = capture?.failure, let write {
          throw LinkError(.failed, "The capture \(write) ends early: \(failure).")
        }
      }
    }

    private func capture(_ left: String, _ right: String) throws(LinkError) -> CaptureFile? {
      guard let write else { return nil }
      let capture = try CaptureFile(path: write, interface: left)
      capture.addInterface(right)
      return capture
    }

    private func open(_ end: LinkEnd) throws(LinkError) -> TUNLink {
      let configuration = TUNConfiguration(name: end.device, mtu: mtu, kernelAddresses: end.addresses)
      guard let netns = end.netns else { return try TUNLink(configuration) }
      let namespace = try NetworkNamespace(opening: netns)
      return try TUNLink(configuration, in: namespace)
    }
  #else
    func run() throws { throw ValidationError("TUN devices are made on Linux only so far.") }
  #endif
}
