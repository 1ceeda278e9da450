// What only the extension says; the rest is in `web/words.js`.

import { speaker } from "../web/words.js";

const MORE = {
  en: {
    "note.first_frame": "The picture moves; its first frame was judged.",
    "note.from_canvas":
      "The file itself could not be had; the pixels that the page shows were judged, which may have been changed on their way.",
    "note.veiled":
      "This AVIF is transparent in places, which this browser reads in a way of its own; elsewhere the probability may differ.",
    "note.disturbed":
      "This browser disturbs what is read from a canvas, as protection against fingerprinting does; the probability may differ from the file’s own.",
    lookalike:
      "Any page can draw a panel like this one. The verdict of record stands in the extension's own window, behind its button.",
    give: "Drop a picture here, paste it, or choose a file",
    tab: "Open in a tab",
    no_picture: "That was no picture file. Save the picture first, or right click on it where it stands.",
    marked: "Its face was marked by you.",
    "records.badges": "Verdicts of badges",
    "badge.more": "Right click on the picture for the reasons.",
    "badges.elsewhere": "Pictures of this page come from {sites}. Without leave for that too, their badges may show – .",
    "badges.ask": "Give leave",
    "error.gone": "There is nothing at the picture’s address any more.",
    close: "Close",
    mark: "Mark a face",
    marking: "Draw a rectangle around the face.",
    loading: "Loading the detector … {share}",
    none: "No verdict yet. Right click on a picture, or give one here. Pictures stay on this machine.",
    records: "Verdicts of record",
    record: "{time}: {verdict}, probability of fake {p}",
    badges: "Badges on all large pictures of {site}",
    "badges.refused": "Without leave to see the pictures of {site} there are no badges.",
    "badges.nowhere": "There are no badges on this kind of page.",
    options: "Options",
    "options.title": "Is this face real? Options",
    "options.model": "The detector",
    "options.thresholds": "Thresholds are the detector's own and cannot be moved: {real} and {fake}.",
    "options.sha256": "SHA-256 of {name}: {sha256}",
    "options.side": "It judges {side} × {side} pixels of {framing}.",
    "options.framed": "each face, which fills {share} of the width",
    "options.whole": "the whole picture",
    "options.sources": "It learnt from: {sources}.",
    "options.private":
      "Pictures are judged on this machine. The extension sends nothing anywhere; it asks for leave to read pictures of a site only when you use it there.",
    "error.svg": "This is a drawing (SVG), no photograph.",
    "error.format": "This browser cannot read pictures of this format (TIFF, HEIC or AVIF).",
    "error.unreachable":
      "The picture cannot be read from here: its site does not give it out. Save it and drop it into the extension's window.",
    "error.damaged": "The packed detector is damaged, or this browser computes something else; install the extension again.",
    "error.unexpected": "Something unforeseen happened: {detail}",
  },
  fr: {
    "note.first_frame": "L’image est animée ; sa première vue a été jugée.",
    "note.from_canvas":
      "Le fichier lui-même n’était pas accessible ; les pixels montrés par la page ont été jugés, et peuvent avoir été modifiés en chemin.",
    "note.veiled":
      "Cet AVIF est transparent par endroits, ce que ce navigateur lit à sa façon ; ailleurs, la probabilité peut différer.",
    "note.disturbed":
      "Ce navigateur perturbe ce qui est lu d’un canevas, comme le font les protections contre le pistage ; la probabilité peut différer de celle du fichier.",
    lookalike:
      "Toute page peut dessiner un tel panneau. Le verdict qui fait foi est dans la fenêtre de l’extension, derrière son bouton.",
    give: "Déposez une image ici, collez-la ou choisissez un fichier",
    tab: "Ouvrir dans un onglet",
    no_picture: "Ce n’était pas un fichier d’image. Enregistrez d’abord l’image, ou cliquez droit dessus là où elle est.",
    marked: "Vous avez marqué le visage.",
    "records.badges": "Verdicts des pastilles",
    "badge.more": "Clic droit sur l’image pour les raisons.",
    "badges.elsewhere": "Des images de cette page viennent de {sites}. Sans cet accès aussi, leurs pastilles peuvent montrer – .",
    "badges.ask": "Donner l’accès",
    "error.gone": "Il n’y a plus rien à l’adresse de l’image.",
    close: "Fermer",
    mark: "Marquer un visage",
    marking: "Tracez un rectangle autour du visage.",
    loading: "Chargement du détecteur … {share}",
    none: "Aucun verdict pour l’instant. Clic droit sur une image, ou donnez-en une ici. Les images restent sur cette machine.",
    records: "Verdicts qui font foi",
    record: "{time} : {verdict}, probabilité de faux {p}",
    badges: "Pastilles sur toutes les grandes images de {site}",
    "badges.refused": "Sans accès aux images de {site}, pas de pastilles.",
    "badges.nowhere": "Pas de pastilles sur ce genre de page.",
    options: "Options",
    "options.title": "Ce visage est-il réel ? Options",
    "options.model": "Le détecteur",
    "options.thresholds": "Les seuils sont ceux du détecteur et ne se déplacent pas : {real} et {fake}.",
    "options.sha256": "SHA-256 de {name} : {sha256}",
    "options.side": "Il juge {side} × {side} pixels de {framing}.",
    "options.framed": "chaque visage, qui remplit {share} de la largeur",
    "options.whole": "l’image entière",
    "options.sources": "Il a appris de : {sources}.",
    "options.private":
      "Les images sont jugées sur cette machine. L’extension n’envoie rien ; elle ne demande l’accès aux images d’un site que lorsque vous l’y utilisez.",
    "error.svg": "C’est un dessin (SVG), pas une photographie.",
    "error.format": "Ce navigateur ne sait pas lire ce format (TIFF, HEIC ou AVIF).",
    "error.unreachable":
      "L’image ne peut être lue d’ici : son site ne la donne pas. Enregistrez-la et déposez-la dans la fenêtre de l’extension.",
    "error.damaged": "Le détecteur fourni est abîmé, ou ce navigateur calcule autre chose ; réinstallez l’extension.",
    "error.unexpected": "Un imprévu est survenu : {detail}",
  },
};

/** What the visitor chose on the options page, or what stands there before. */
export async function settings() {
  const wanted = navigator.language.slice(0, 2);
  const first = { language: wanted in MORE ? wanted : "en", prevalence: 0.01 };
  return { ...first, ...(await chrome.storage.local.get(["language", "prevalence"])) };
}

/** What says things in the visitor's language; see `speaker`. */
export async function voice() {
  return speaker((await settings()).language, MORE);
}

/** A problem in words. */
export function inWords(say, { code, detail }) {
  const key = `error.${code}`;
  return say(say.knows(key) ? key : "error.unexpected", { detail });
}
