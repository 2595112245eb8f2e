import MartletTCP
import MartletTrace

/// Where the demo is shown: sentences and ladders for people, or JSON lines.
struct DemoStage {
  let style: LadderStyle
  let isJSON: Bool

  enum Scene: String {
    case fetchFromKernel = "fetch-from-kernel"
    case fetchInMemory = "fetch-in-memory"
    case simultaneousClose = "simultaneous-close"
    case halfClose = "half-close"

    var title: String {
      switch self {
      case .fetchFromKernel: "The kernel's TCP fetches a page from Martlet"
      case .fetchInMemory: "A page is fetched, both ends in memory"
      case .simultaneousClose: "Both ends close at the same moment"
      case .halfClose: "Half-close: one direction ends, the other goes on"
      }
    }

    var explanation: String {
      switch self {
      case .fetchFromKernel, .fetchInMemory:
        """
        Three segments open the connection, and both ends know that they can hear each other. Each
        direction is then closed on its own: a FIN and its acknowledgment, twice. Whoever closed
        first stays in TIME-WAIT, so that it can repeat the last acknowledgment and that nothing
        delayed on the way falls into a later connection of the same two ports.
        """
      case .simultaneousClose:
        """
        Neither end has seen the other's FIN when it sends its own. Both pass through CLOSING, and
        both wait in TIME-WAIT (RFC 9293 §3.6, Figure 13).
        """
      case .halfClose:
        """
        The client has said all it has to say and closes its half: FIN-WAIT-2. The server is in
        CLOSE-WAIT and may send for as long as it likes; its own FIN ends the other half.
        """
      }
    }
  }

  /// A remark between the scenes. Not for programs.
  func say(_ text: String) throws {
    if !isJSON { try OutputStream.output.deliver(text + "\n") }
  }

  func show(_ scene: Scene, _ ladder: Ladder, checks: [StateCheck] = []) throws {
    if isJSON { return try showJSON(scene, ladder, checks) }
    let rule = String(repeating: style.ascii ? "=" : "━", count: max(scene.title.count, 40))
    try OutputStream.output.deliver(
      "\n\(scene.title)\n\(rule)\n\(scene.explanation)\n\n\(ladder.text(style))")
    if !checks.isEmpty { try show(checks) }
    let mismatches = ladder.mismatches()
    if mismatches.isEmpty {
      try say("\nWhat Martlet says of its states agrees with what the segments show.")
    } else {
      try say(
        "\n\(mismatches.count) states differ from what the segments show. That is a fault: please report it.")
    }
  }

  private func show(_ checks: [StateCheck]) throws {
    try say("\nThe kernel's states, as inferred and as ss says:")
    for check in checks { try say("  " + check.text) }
  }

  private func showJSON(_ scene: Scene, _ ladder: Ladder, _ checks: [StateCheck]) throws {
    var object = JSONObject()
    object.add("type", "scene")
    object.add("scene", scene.rawValue)
    object.add("client", ladder.left.text)
    object.add("server", ladder.right.text)
    object.add("mismatches", UInt64(ladder.mismatches().count))
    try OutputStream.output.deliver(object.text + "\n")
    for observation in ladder.observations { try OutputStream.output.deliver(observation.json + "\n") }
    for transition in ladder.transitions {
      var object = JSONObject()
      object.add("type", "transition")
      object.add("time_ns", transition.time.nanoseconds)
      object.add("end", transition.side == .left ? "client" : "server")
      object.add("from", transition.old.text(.rfc))
      object.add("to", transition.new.text(.rfc))
      try OutputStream.output.deliver(object.text + "\n")
    }
    for check in checks { try OutputStream.output.deliver(check.object.text + "\n") }
  }

  func end() throws {
    try say("\nTry it yourself: martlet serve --help, martlet connect --help.")
  }
}
