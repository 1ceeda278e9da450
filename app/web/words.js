// Every sentence of the page, in every language.

export const WORDS = {
  en: {
    title: "Is this face real?",
    language: "Language",
    intake: "Pictures and videos",
    invitation: "Drop pictures or videos here, paste them, or choose files",
    limits: "pictures of at most {size} and {pixels} million pixels, videos of at most {film} and {minutes} minutes",
    key: "API key",
    faces: "Faces",
    "faces.auto": "found automatically",
    "faces.largest": "the largest only",
    "faces.all": "all, cut out",
    "faces.off": "do not look, take the whole picture",
    prevalence: "How many of the pictures you check are fake?",
    results: "Verdicts",
    none: "Nothing yet. Pictures and videos are judged by this service and not kept.",
    caveat:
      "A heatmap shows what the detector looked at, not where a picture was changed. A verdict is no proof.",
    about: "Detector {name}, version {version}, run by {engine} in {precision}.",
    drawn: "This detector learnt from drawn pictures. It says nothing about real ones.",
    uncalibrated: "No error rate is promised: the detector is not calibrated.",
    worth:
      "If {prevalence} of the pictures you check are fake, {value} of those called fake are fake: the promised error rate, and the {found} of the calibration fakes that are found.",
    nothing: "The detector called no calibration fake fake, so nobody can say what that is worth.",
    fake: "Fake",
    real: "Real",
    inconclusive: "Inconclusive",
    probability: "Probability of fake: {p}",
    scale:
      "Probability of fake {p} on a scale from 0 to 1; real below {real}, fake above {fake}, inconclusive between.",
    "scale.plain": "Probability of fake {p} on a scale from 0 to 1, without thresholds.",
    "rate.fake":
      "On average at most {rate} of real faces are called fake ({count} calibration images of {source}).",
    "rate.real":
      "On average at most {rate} of fakes are called real ({count} calibration images of {source}).",
    "reason.no_face": "No face was found; this is the score of the whole picture.",
    "reason.face_too_small": "The face has too few pixels for the promised error rates.",
    "reason.between_thresholds":
      "The score lies where real faces and fakes both occur too often to keep the promise.",
    "reason.unstable": "The verdict changes when the picture is re-encoded too mildly to be seen.",
    "reason.among_many_faces":
      "One face looks fake, but among so many faces one does by chance too often.",
    "reason.too_many_faces":
      "There are more faces than the calibration suffices for, if the error rate is to hold for the whole picture.",
    "reason.unfamiliar":
      "The picture is unlike nearly all faces that the detector was calibrated on: its error rates need not hold.",
    "reason.too_few_for_video":
      "The detector is calibrated on stills, on too few to judge a person by many frames.",
    "reason.seen_once":
      "Seen in a single frame, where another person was seen in many: that may be no face, and does not count.",
    face: "Face {number}: {verdict}, probability of fake {p}",
    person: "Person {number}: {verdict}, probability of fake {p}",
    nobody: "No face was found in the frames that were looked at.",
    stills: "The detector is calibrated on stills, not on video.",
    rests: "What its error rates rest on: {calibration}.",
    looked: "Looked at {sampled} of {frames} frames in {duration} s.",
    together: "Each dot is one frame, over the shades in which a still would be called real, inconclusive or fake. A person’s verdict is over all of its frames.",
    "together.plain": "Each dot is one frame. A person’s verdict is over all of its frames.",
    carried: "Half of what speaks for the likelier answer lies at (s): {times}",
    uncarried: "No frame speaks for the likelier answer by itself.",
    timeline: "Probability of fake of person {number} over time: {count} frames from {from} to {to} s, between {low} and {high}",
    frames: "All frames of person {number}",
    time: "Time (s)",
    p_fake: "Probability of fake",
    unplayed: "This browser cannot play videos of this format; the service could read it.",
    draw: "Show heatmaps",
    "draw.of": "Show heatmaps in {name}",
    drawing: "Drawing the heatmaps …",
    annotated: "{name}: with heatmaps",
    watching: "Judging; that may take as long as the video lasts …",
    heatmap: "Heatmap",
    legend: "blue speaks for real, red for fake",
    picture: "{name}, with its heatmap. {where}",
    where: "The evidence for {verdict} is strongest {place}.",
    "place.0": "in the upper left", "place.1": "at the top", "place.2": "in the upper right",
    "place.3": "on the left", "place.4": "in the middle", "place.5": "on the right",
    "place.6": "in the lower left", "place.7": "at the bottom", "place.8": "in the lower right",
    unseen: "This browser cannot show pictures of this format; the service could read it.",
    why: "Why?",
    "why.of": "Why? {name}",
    explaining: "Explaining …",
    explained: "{name}: explained",
    in_english: "The explanation is in English.",
    measured: "Measured:",
    "measured.mark": "Measurement {number}",
    "measured.all": "All that was measured",
    sources: "Sources",
    "source.mark": "Source {number}: {source} (new tab)",
    "written.template": "Put together from the measurements and from notes on research. It changes nothing about the verdict.",
    "written.llm": "Chosen by a language model among sentences of ours; left out because they were none: {removed}. It changes nothing about the verdict.",
    report: "Printable report",
    "report.of": "Printable report on {name}",
    remove: "Remove",
    "remove.of": "Remove {name}",
    again: "Try again",
    judging: "Judging …",
    waiting: "The service is busy; trying again …",
    said: "{name}: {verdict}",
    failed: "{name}: {error}",
    "error.no_file": "The file is empty.",
    "error.too_large": "The file is too large.",
    "error.too_many_pixels": "The picture has too many pixels; scale it down.",
    "error.not_an_image": "This is no picture of a format that is read.",
    "error.too_long": "The video is too long; cut it.",
    "error.not_a_video": "This is no video of a format that is read.",
    "error.undecodable": "The file is damaged or incomplete.",
    "error.busy": "The service is busy; try again later.",
    "error.rate": "This API key has used up its pictures for now; try again later.",
    "error.too_slow": "The upload took too long.",
    "error.deadline": "The service did not get done with this file in time.",
    "error.no_key": "The service wants an API key that it knows.",
    "error.offline": "The service cannot be reached.",
    "error.fault": "The service has a fault; whoever runs it finds it in its log.",
    "error.popup": "The browser blocked the new window.",
  },
  fr: {
    title: "Ce visage est-il réel ?",
    language: "Langue",
    intake: "Images et vidéos",
    invitation: "Déposez des images ou des vidéos ici, collez-les ou choisissez des fichiers",
    limits: "images d’au plus {size} et {pixels} millions de pixels, vidéos d’au plus {film} et {minutes} minutes",
    key: "Clé d’API",
    faces: "Visages",
    "faces.auto": "trouvés automatiquement",
    "faces.largest": "le plus grand seulement",
    "faces.all": "tous, découpés",
    "faces.off": "ne pas chercher, prendre l’image entière",
    prevalence: "Quelle part des images que vous vérifiez est fausse ?",
    results: "Verdicts",
    none: "Rien pour l’instant. Ce service juge les images et les vidéos et ne les garde pas.",
    caveat:
      "La carte de chaleur montre ce que le détecteur a regardé, pas où l’image a été modifiée. Un verdict n’est pas une preuve.",
    about: "Détecteur {name}, version {version}, exécuté par {engine} en {precision}.",
    drawn: "Ce détecteur a appris sur des dessins. Il ne dit rien d’images réelles.",
    uncalibrated: "Aucun taux d’erreur n’est promis : le détecteur n’est pas calibré.",
    worth:
      "Si {prevalence} des images que vous vérifiez sont fausses, {value} de celles dites fausses le sont : d’après le taux d’erreur promis et les {found} de faux de calibration qui sont trouvés.",
    nothing:
      "Le détecteur n’a dit faux aucun faux de calibration : personne ne peut dire ce que cela vaut.",
    fake: "Faux",
    real: "Réel",
    inconclusive: "Indécis",
    probability: "Probabilité de faux : {p}",
    scale:
      "Probabilité de faux {p} sur une échelle de 0 à 1 ; réel au-dessous de {real}, faux au-dessus de {fake}, indécis entre les deux.",
    "scale.plain": "Probabilité de faux {p} sur une échelle de 0 à 1, sans seuils.",
    "rate.fake":
      "En moyenne, au plus {rate} des visages réels sont dits faux ({count} images de calibration de {source}).",
    "rate.real":
      "En moyenne, au plus {rate} des faux sont dits réels ({count} images de calibration de {source}).",
    "reason.no_face": "Aucun visage n’a été trouvé ; c’est le score de l’image entière.",
    "reason.face_too_small": "Le visage a trop peu de pixels pour les taux d’erreur promis.",
    "reason.between_thresholds":
      "Le score se trouve là où visages réels et faux sont tous deux trop fréquents pour tenir la promesse.",
    "reason.unstable": "Le verdict change quand l’image est réencodée trop peu pour que cela se voie.",
    "reason.among_many_faces":
      "Un visage paraît faux, mais parmi tant de visages cela arrive trop souvent par hasard.",
    "reason.too_many_faces":
      "Il y a plus de visages que la calibration n’en permet pour que le taux d’erreur vaille pour l’image entière.",
    "reason.unfamiliar":
      "L’image ne ressemble guère aux visages de la calibration : les taux d’erreur peuvent ne pas valoir.",
    "reason.too_few_for_video":
      "Le détecteur est calibré sur des photos, trop peu pour juger une personne sur de nombreuses images.",
    "reason.seen_once":
      "Vue sur une seule image, alors qu’une autre personne l’est sur beaucoup : ce n’est peut-être pas un visage, et cela ne compte pas.",
    face: "Visage {number} : {verdict}, probabilité de faux {p}",
    person: "Personne {number} : {verdict}, probabilité de faux {p}",
    nobody: "Aucun visage n’a été trouvé dans les images regardées.",
    stills: "Le détecteur est calibré sur des photos, pas sur des vidéos.",
    rests: "Ce sur quoi reposent ses taux d’erreur : {calibration}.",
    looked: "{sampled} images regardées sur {frames}, en {duration} s.",
    together: "Chaque point est une image, sur les teintes où une photo serait dite réelle, indécise ou fausse. Le verdict sur une personne porte sur toutes ses images.",
    "together.plain": "Chaque point est une image. Le verdict sur une personne porte sur toutes ses images.",
    carried: "La moitié de ce qui parle pour la réponse la plus probable se trouve à (s) : {times}",
    uncarried: "Aucune image ne parle à elle seule pour la réponse la plus probable.",
    timeline: "Probabilité de faux de la personne {number} au fil du temps : {count} images de {from} à {to} s, entre {low} et {high}",
    frames: "Toutes les images de la personne {number}",
    time: "Temps (s)",
    p_fake: "Probabilité de faux",
    unplayed: "Ce navigateur ne sait pas lire les vidéos de ce format ; le service a pu le faire.",
    draw: "Montrer les cartes de chaleur",
    "draw.of": "Montrer les cartes de chaleur dans {name}",
    drawing: "Dessin des cartes de chaleur …",
    annotated: "{name} : avec les cartes de chaleur",
    watching: "En cours ; cela peut durer autant que la vidéo …",
    heatmap: "Carte de chaleur",
    legend: "le bleu parle pour réel, le rouge pour faux",
    picture: "{name}, avec sa carte de chaleur. {where}",
    where: "Les indices pour « {verdict} » sont les plus forts {place}.",
    "place.0": "en haut à gauche", "place.1": "en haut", "place.2": "en haut à droite",
    "place.3": "à gauche", "place.4": "au milieu", "place.5": "à droite",
    "place.6": "en bas à gauche", "place.7": "en bas", "place.8": "en bas à droite",
    unseen: "Ce navigateur ne sait pas montrer ce format ; le service a pu le lire.",
    why: "Pourquoi ?",
    "why.of": "Pourquoi ? {name}",
    explaining: "Explication en cours …",
    explained: "{name} : expliqué",
    in_english: "L’explication est en anglais.",
    measured: "Mesuré :",
    "measured.mark": "Mesure {number}",
    "measured.all": "Tout ce qui a été mesuré",
    sources: "Sources",
    "source.mark": "Source {number} : {source} (nouvel onglet)",
    "written.template": "Composé à partir des mesures et de notes sur la recherche. Le verdict n’en dépend pas.",
    "written.llm": "Rédigé par un modèle de langue et vérifié ; phrases écartées parce qu’elles ne tenaient pas : {removed}. Le verdict n’en dépend pas.",
    report: "Rapport à imprimer",
    "report.of": "Rapport à imprimer sur {name}",
    remove: "Retirer",
    "remove.of": "Retirer {name}",
    again: "Réessayer",
    judging: "En cours …",
    waiting: "Le service est occupé ; nouvel essai …",
    said: "{name} : {verdict}",
    failed: "{name} : {error}",
    "error.no_file": "Le fichier est vide.",
    "error.too_large": "Le fichier est trop grand.",
    "error.too_many_pixels": "L’image a trop de pixels ; réduisez-la.",
    "error.not_an_image": "Ce n’est pas une image d’un format lu ici.",
    "error.too_long": "La vidéo est trop longue ; coupez-la.",
    "error.not_a_video": "Ce n’est pas une vidéo d’un format lu ici.",
    "error.undecodable": "Le fichier est abîmé ou incomplet.",
    "error.busy": "Le service est occupé ; réessayez plus tard.",
    "error.rate": "Cette clé d’API a épuisé ses images pour l’instant ; réessayez plus tard.",
    "error.too_slow": "L’envoi a duré trop longtemps.",
    "error.deadline": "Le service n’a pas pu traiter ce fichier à temps.",
    "error.no_key": "Le service veut une clé d’API qu’il connaît.",
    "error.offline": "Le service est injoignable.",
    "error.fault": "Le service a une panne ; qui l’exploite la trouvera dans son journal.",
    "error.popup": "Le navigateur a bloqué la nouvelle fenêtre.",
  },
};

// Return what says things in one language: `say(key, values)`, numbers and shares. `more` are
// words of a front end of its own, by language.
export function speaker(language, more = {}) {
  const words = { ...WORDS[language], ...more[language] };
  const say = (key, values = {}) =>
    (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  say.language = language;
  say.knows = (key) => key in words;
  say.number = (value, digits = 3) =>
    new Intl.NumberFormat(language, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(value);
  // Three places, and never that something is certain.
  say.probability = (value) => {
    if (value < 0.0005) return `<${say.number(0.001)}`;
    return value >= 0.9995 ? `>${say.number(0.999)}` : say.number(value);
  };
  say.share = (value) =>
    new Intl.NumberFormat(language, { style: "percent", maximumSignificantDigits: 2 }).format(value);
  return say;
}

// Say what stands in a page, and its title.
export function sayAll(say, title = "title") {
  document.documentElement.lang = say.language;
  document.title = say(title);
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
}
