/// The page that the demo serves: a few segments long, and about itself.
enum DemoPage {
  static let text: String = {
    let lines = [
      "Three segments open a connection: SYN, SYN+ACK, ACK.",
      "SYN and FIN each take one sequence number; an ACK without text takes none.",
      "The acknowledgment number is the next octet that is expected.",
      "Each direction is closed by its own FIN and its own ACK: four segments.",
      "Whoever closes first waits in TIME-WAIT for two maximum segment lifetimes.",
    ]
    let paragraphs = (1...12).map { n in "<p>\(n). \(lines.joined(separator: "\n"))</p>\n" }
    return "<!DOCTYPE html>\n<html><head><title>Martlet</title></head>\n<body>\n" + paragraphs.joined()
      + "</body></html>\n"
  }()
}
